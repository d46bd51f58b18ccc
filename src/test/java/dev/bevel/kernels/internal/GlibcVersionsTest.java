package dev.bevel.kernels.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.bevel.kernels.loading.ElfFile;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The libraries ask for nothing that {@code native/required_versions.txt} does not list. */
class GlibcVersionsTest {
  private static final Pattern VERSION = Pattern.compile("\\(?(GLIBC_[0-9.]+)\\)?");
  private static final Path LIST =
      Path.of(System.getProperty("bevel.root", "."), "native/required_versions.txt");

  @TempDir Path folder;

  @Test
  void nothingListedIsNewerThanTheOldestSystem() throws Exception {
    assertThat(versionsListed())
        .isNotEmpty()
        .allSatisfy(
            version -> {
              String[] numbers = version.substring("GLIBC_".length()).split("\\.");
              assertThat(Integer.parseInt(numbers[1])).as(version).isLessThanOrEqualTo(28);
            });
  }

  @Test
  void libbevel() throws Exception {
    check(NativeBuild.file("libbevel.so"));
  }

  @Test
  void libbevelCuda() throws Exception {
    Path library = NativeBuild.file("libbevel.so").resolveSibling("libbevel_cuda.so");
    assumeTrue(Files.exists(library), "skipped: this build has no nvcc");
    check(library);
  }

  @Test
  void jniLibrary() throws Exception {
    Path library = folder.resolve("libjnibevel.so");
    try (InputStream in =
        GlibcVersionsTest.class.getResourceAsStream(
            "/dev/bevel/javacpp/linux-x86_64/libjnibevel.so")) {
      Files.copy(Objects.requireNonNull(in, "built by java-api/javacpp"), library);
    }
    check(library);
  }

  private static void check(Path library) throws Exception {
    Process objdump =
        new ProcessBuilder("objdump", "-T", library.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String symbols = new String(objdump.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(objdump.waitFor()).isZero();
    Set<String> found = new TreeSet<>();
    for (Matcher m = VERSION.matcher(symbols); m.find(); ) {
      found.add(m.group(1));
    }
    assertThat(found).as("libc's symbols in " + library).contains("GLIBC_2.2.5");
    assertThat(versionsListed()).as("needed by " + library).containsAll(found);

    ElfFile elf = ElfFile.read(library);
    assertThat(librariesListed()).as("needed by " + library).containsAll(elf.needed());
    assertThat(elf.versionsNeeded().values().stream().flatMap(Set::stream))
        .as("Bevel's own reader agrees with objdump")
        .containsAll(found);
  }

  private static List<String> versionsListed() throws Exception {
    return Files.readAllLines(LIST).stream().filter(line -> line.startsWith("GLIBC_")).toList();
  }

  private static List<String> librariesListed() throws Exception {
    return Files.readAllLines(LIST).stream()
        .filter(line -> line.startsWith("libraries "))
        .flatMap(line -> List.of(line.substring("libraries ".length()).split(" ")).stream())
        .toList();
  }
}
