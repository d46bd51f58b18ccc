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
import org.junit.jupiter.api.Test;

/** Every struct of the binding has the size and the offsets that the C compiler gives it. */
class LayoutsTest {
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
    for (StructLayout struct : Layouts.ALL) {
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

  @Test
  void headersHaveNoStructWithoutALayout() throws IOException {
    Path root = Path.of(System.getProperty("bevel.root", "."));
    List<String> names = Layouts.ALL.stream().map(struct -> struct.name().orElseThrow()).toList();
    for (String header :
        List.of(
            "native/bevel.h", "kernels/lift_splat/lift_splat.h", "kernels/bev_pool/bev_pool.h")) {
      Files.readString(root.resolve(header))
          .lines()
          .filter(line -> line.startsWith("typedef struct "))
          .map(line -> line.replaceAll("typedef struct (\\w+).*", "$1"))
          .forEach(struct -> assertThat(names).as(header).contains(struct));
    }
  }
}
