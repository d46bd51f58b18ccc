package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** The example of the README runs, with the kernels' jars alone. */
class EmbeddingExampleTest {
  @Test
  void poolsAMap() {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    PrintStream console = System.out;
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      EmbeddingExample.main(new String[0]);
    } finally {
      System.setOut(console);
    }
    assertThat(printed.toString(StandardCharsets.UTF_8))
        .matches(
            "float32\\[1, 1, 64, 128, 128\\] on cpu: [1-9]\\d{3,} points in [1-9]\\d{2,} cells\n");
  }
}
