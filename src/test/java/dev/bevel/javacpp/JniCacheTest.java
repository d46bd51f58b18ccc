package dev.bevel.javacpp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.javacpp.abi.BevelAbi;
import dev.bevel.testing.JavaProcess;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What JavaCPP has unpacked before: another build's library of the same size and date. */
class JniCacheTest {
  @TempDir Path cache;

  /** The main class of a process that loads the binding. */
  static final class Load {
    public static void main(String[] arguments) {
      JavaCpp.initialize();
      System.out.println("version " + BevelAbi.bevel_version());
    }
  }

  @Test
  void anotherBuildOfTheSameSizeAndDateIsReplaced() throws Exception {
    assertThat(load()).contains("version 100");
    Path library;
    try (Stream<Path> files = Files.walk(cache)) {
      library = files.filter(file -> file.endsWith("libjnibevel.so")).findFirst().orElseThrow();
    }
    byte[] sound = Files.readAllBytes(library);
    byte[] other = sound.clone();
    for (int i = 0; i < 4096; i++) {
      other[i] = 0;
    }
    FileTime date = Files.getLastModifiedTime(library);
    Files.write(library, other);
    Files.setLastModifiedTime(library, date);
    assertThat(load()).contains("version 100");
    assertThat(Files.readAllBytes(library)).isEqualTo(sound);
  }

  private String load() throws Exception {
    Process process =
        new ProcessBuilder(
                JavaProcess.command(
                    Load.class,
                    List.of("-Xmx256m", "-Dorg.bytedeco.javacpp.cachedir=" + cache),
                    List.of()))
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
