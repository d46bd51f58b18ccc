package dev.bevel.kernels.loading;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Texts of glibc's and musl's dynamic linkers, as they were seen, and what is said of them. */
class LinkerHintTest {
  private static final Path LIBRARY = Path.of("/somewhere/libbevel.so");

  @Test
  void aMissingLibraryIsNamedWithItsPackage() {
    assertThat(
            hint(
                "libgomp.so.1: cannot open shared object file: No such file or directory",
                "2.36",
                List.of()))
        .contains("It needs libgomp.so.1, which is not installed")
        .contains("apt-get install libgomp1");
  }

  @Test
  void aFolderWithoutExecutionIsNamedAsSuch() {
    assertThat(
            hint(
                "/somewhere/libbevel.so: failed to map segment from shared object",
                "2.36",
                List.of()))
        .contains("forbids execution (noexec)")
        .contains("-Dbevel.cache=FOLDER");
  }

  @Test
  void anOldCLibraryIsNamedWithBothVersions() {
    assertThat(
            hint(
                "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /somewhere/libbevel.so)",
                "2.27",
                List.of()))
        .contains("The C library here is glibc 2.27, the library needs 2.28 or later");
  }

  @Test
  void muslIsNamed() {
    String text =
        "Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /somewhere/libbevel.so)";
    assertThat(hint(text, null, List.of()))
        .contains("a C library other than glibc (Alpine has musl)")
        .contains("glibc 2.28 or later");
    assertThat(
            hint(
                "Error relocating /somewhere/libbevel.so: __memcpy_chk: symbol not found",
                null,
                List.of()))
        .contains("musl");
  }

  @Test
  void aForeignLibraryIsNamedWithWhereItComesFrom() {
    LibrarySearch.Hit old =
        new LibrarySearch.Hit(Path.of("/opt/conda/lib/libstdc++.so.6"), "LD_LIBRARY_PATH");
    assertThat(
            hint(
                "/opt/conda/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by /somewhere/libbevel.so)",
                "2.36",
                List.of(old)))
        .contains("It needs another libstdc++.so.6 than the linker finds")
        .contains("/opt/conda/lib/libstdc++.so.6 (LD_LIBRARY_PATH)")
        .contains("remove /opt/conda/lib from LD_LIBRARY_PATH");
    LibrarySearch.Hit garbage =
        new LibrarySearch.Hit(Path.of("/x/libgomp.so.1"), "LD_LIBRARY_PATH");
    assertThat(hint("/x/libgomp.so.1: invalid ELF header", "2.36", List.of(garbage)))
        .contains("/x/libgomp.so.1 (LD_LIBRARY_PATH)");
  }

  @Test
  void whatSaysAllIsLeftAlone() {
    assertThat(hint("/somewhere/libbevel.so: file too short", "2.36", List.of())).isEmpty();
  }

  private static String hint(String text, @Nullable String glibc, List<LibrarySearch.Hit> hits) {
    return LinkerHint.of(LIBRARY, text, glibc, "2.28", name -> hits);
  }
}
