import org.jspecify.annotations.NullMarked;

/**
 * Bevel's C headers through JavaCPP, and the way between Bevel's tensors and Bytedeco's pointers,
 * CUDA streams and events.
 */
@NullMarked
module dev.bevel.javacpp {
  requires transitive dev.bevel.kernels;
  requires transitive org.bytedeco.javacpp;
  requires transitive org.bytedeco.cuda;
  requires static org.jspecify;

  exports dev.bevel.javacpp;
  exports dev.bevel.javacpp.abi;
  exports dev.bevel.javacpp.presets;
}
