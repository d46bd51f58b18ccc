package dev.bevel.kernels.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every struct of the binding has the size and the offsets that the C compiler gives it. */
class LayoutsTest {
  /** In the order in which the C program prints them. */
  private static final List<StructLayout> ALL =
      Stream.of(
              Layouts.ALL,
              LiftSplatLayouts.ALL,
              BevPoolLayouts.ALL,
              DeformAttnLayouts.ALL,
              PointSamplingLayouts.ALL,
              DeformConvLayouts.ALL,
              MultiViewSampleLayouts.ALL,
              BevWarpLayouts.ALL)
          .flatMap(List::stream)
          .toList();

  @Test
  void layoutsAreThoseOfTheCompiler() throws IOException, InterruptedException {
    Path program = NativeBuild.file("tests/struct_layouts");
    Process process = new ProcessBuilder(program.toString()).redirectErrorStream(true).start();
    List<String> printed =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .toList();
    assertThat(process.waitFor()).as("%s", printed).isZero();
    assertThat(described()).isEqualTo(printed);
  }

  private static List<String> described() {
    List<String> lines = new ArrayList<>();
    lines.add("version " + NativeLibrary.HEADER_VERSION);
    for (StructLayout struct : ALL) {
      String name = struct.name().orElseThrow();
      lines.add(name + " " + struct.byteSize());
      for (MemoryLayout field : struct.memberLayouts()) {
        String fieldName = field.name().orElseThrow();
        long offset = struct.byteOffset(PathElement.groupElement(fieldName));
        lines.add(name + "." + fieldName + " " + offset + " " + field.byteSize());
      }
    }
    return lines;
  }

  /** {@code OperatorCall} writes the number of threads there. */
  @Test
  void threadsAreTheLastFieldOfEveryParamsStruct() {
    List<StructLayout> params =
        ALL.stream().filter(struct -> struct.name().orElseThrow().endsWith("_params")).toList();
    assertThat(params).hasSizeGreaterThan(15);
    for (StructLayout struct : params) {
      MemoryLayout last = struct.memberLayouts().getLast();
      assertThat(last.name()).as("%s", struct.name()).contains("threads");
      assertThat(last.byteSize()).isEqualTo(Long.BYTES);
    }
  }

  @Test
  void headersHaveNoStructWithoutALayout() throws IOException {
    Path root = Path.of(System.getProperty("bevel.root", "."));
    List<String> names = ALL.stream().map(struct -> struct.name().orElseThrow()).toList();
    for (Path header : headers(root)) {
      Files.readString(header)
          .lines()
          .filter(line -> line.startsWith("typedef struct "))
          .map(line -> line.replaceAll("typedef struct (\\w+).*", "$1"))
          .forEach(struct -> assertThat(names).as(header.toString()).contains(struct));
    }
  }

  /** {@code bevel.h} and the headers of the operators. */
  private static List<Path> headers(Path root) throws IOException {
    List<Path> headers = new ArrayList<>(List.of(root.resolve("native/bevel.h")));
    try (Stream<Path> files = Files.walk(root.resolve("kernels"), 2)) {
      files.filter(file -> file.toString().endsWith(".h")).forEach(headers::add);
    }
    assertThat(headers).hasSizeGreaterThan(3);
    return headers;
  }
}
