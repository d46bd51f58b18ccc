import org.jspecify.annotations.NullMarked;

/**
 * Bevel's kernels for camera bird's-eye-view perception, bound with the foreign function and memory
 * API. Needs no LibTorch.
 *
 * <p>Start the JVM with {@code --enable-native-access=dev.bevel.kernels} (module path) or {@code
 * --enable-native-access=ALL-UNNAMED} (class path). On the module path also name the module of the
 * native files, which nothing requires: {@code --add-modules dev.bevel.natives.linux.x86_64}.
 */
@NullMarked
module dev.bevel.kernels {
  requires org.slf4j;
  requires static org.jspecify;

  exports dev.bevel.kernels;
  exports dev.bevel.kernels.checks to
      dev.bevel.torch;
  exports dev.bevel.kernels.internal to
      dev.bevel.bench;
  exports dev.bevel.kernels.loading to
      dev.bevel.cli,
      dev.bevel.javacpp,
      dev.bevel.torch;
}
