package dev.bevel.kernels.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;

/**
 * Files of the native build: {@code native/target/cmake}, or where {@code bevel.native.build}
 * points.
 */
public final class NativeBuild {
  private NativeBuild() {}

  /** A file by its path in the build folder, which must be there. */
  public static Path file(String relative) {
    Path root = Path.of(System.getProperty("bevel.root", "."));
    String build =
        System.getProperty("bevel.native.build", root.resolve("native/target/cmake").toString());
    Path file = Path.of(build).toAbsolutePath().resolve(relative);
    assertThat(file).as("built by cmake/build.sh").exists();
    return file;
  }
}
