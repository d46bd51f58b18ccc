package dev.bevel.kernels.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.Bevel;
import dev.bevel.testing.Seed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What libraries say of themselves, and where the linker looks for them. */
class ElfFileTest {
  @TempDir Path folder;

  @Test
  void ownLibrary() throws IOException {
    ElfFile elf = ElfFile.read(Bevel.libraryPath());
    assertThat(elf.soname()).isEqualTo("libbevel.so.0");
    assertThat(elf.needed()).contains("libc.so.6", "libm.so.6");
    assertThat(elf.versionsNeeded().get("libc.so.6")).contains("GLIBC_2.2.5");
  }

  @Test
  void versionsAreComparedAsNumbers() {
    assertThat(ElfFile.compareVersions("2.4", "2.28")).isNegative();
    assertThat(ElfFile.compareVersions("2.28", "2.28")).isZero();
    assertThat(ElfFile.compareVersions("2.2.5", "2.2")).isPositive();
  }

  @Test
  void damagedFilesAreRefusedInWords() throws IOException {
    byte[] sound = Files.readAllBytes(Bevel.libraryPath());
    Path file = folder.resolve("libx.so");
    for (int size : new int[] {0, 1, 63, 64, 200, 1000, sound.length / 2}) {
      Files.write(file, Arrays.copyOf(sound, size));
      assertThatThrownBy(() -> ElfFile.read(file))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(file + " is damaged, or no shared library");
    }
    Random random = Seed.random(getClass());
    for (int i = 0; i < 300; i++) {
      byte[] damaged = Arrays.copyOf(sound, 1 << 16);
      for (int j = 0; j < 20; j++) {
        damaged[random.nextInt(i % 2 == 0 ? 1024 : damaged.length)] = (byte) random.nextInt();
      }
      Files.write(file, damaged);
      try {
        ElfFile.read(file);
      } catch (IOException expected) {
        assertThat(expected).hasMessageContaining(file.toString());
      }
    }
  }

  @Test
  void whereTheLinkerLooks() throws IOException {
    Path first = Files.createDirectory(folder.resolve("first"));
    Path second = Files.createDirectory(folder.resolve("second"));
    for (Path each : List.of(first, second)) {
      Files.writeString(each.resolve("libx.so"), "x");
    }
    Path system = Files.writeString(folder.resolve("libx.so"), "x");
    List<LibrarySearch.Hit> hits =
        LibrarySearch.find(
            "libx.so",
            second.resolve("libx.so").toString(),
            first + ":" + folder.resolve("none") + ":" + second,
            List.of(system));
    assertThat(hits.stream().map(LibrarySearch.Hit::toString))
        .containsExactly(
            second.resolve("libx.so") + " (LD_PRELOAD)",
            first.resolve("libx.so") + " (LD_LIBRARY_PATH)",
            system + " (the linker's cache)");
    assertThat(hits.get(1).remedy())
        .isEqualTo("remove " + first + " from LD_LIBRARY_PATH, or unset it");
    byte[] cache = Files.readAllBytes(Path.of("/etc/ld.so.cache"));
    assertThat(LibrarySearch.parseCache(cache, "libc.so.6")).isNotEmpty().allMatch(Files::exists);
    assertThat(LibrarySearch.parseCache(cache, "libnone.so")).isEmpty();
  }
}
