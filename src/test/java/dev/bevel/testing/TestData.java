package dev.bevel.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/**
 * The folder of data sets and fixtures for tests on real data: {@code -Dbevel.test.data=DIR}, or
 * the environment variable {@code BEVEL_TEST_DATA}.
 */
public final class TestData {
  private TestData() {}

  /**
   * A file or folder of the test data; skips the test, saying why, where it is not there.
   *
   * @param relative path below the data folder, e.g. {@code nuscenes-one-sample}
   */
  public static Path require(String relative) {
    @Nullable String folder = System.getProperty("bevel.test.data");
    if (folder == null) {
      folder = System.getenv("BEVEL_TEST_DATA");
    }
    Assumptions.assumeTrue(
        folder != null && !folder.isBlank(),
        "skipped: needs test data, give its folder by -Dbevel.test.data=DIR or BEVEL_TEST_DATA");
    Path path = Path.of(folder).resolve(relative);
    Assumptions.assumeTrue(
        Files.exists(path),
        () -> "skipped: the test data folder has no " + relative + " (" + path + ")");
    return path;
  }
}
