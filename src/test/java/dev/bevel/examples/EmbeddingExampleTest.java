package dev.bevel.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The embedding example of the README is this file, runs, and prints what the README says. */
class EmbeddingExampleTest {
  private static final Path ROOT = Path.of(System.getProperty("bevel.root", "."));

  @Test
  void theReadmeShowsTheFileAndWhatItPrints() throws IOException {
    String source =
        Files.readString(ROOT.resolve("src/test/java/dev/bevel/examples/EmbeddingExample.java"));
    String shown = source.substring(source.indexOf("import"));
    String readme = Files.readString(ROOT.resolve("README.md"));
    assertThat(readme).contains("```java\n" + shown + "```\n");
    assertThat(readme).contains("```\n" + printed() + "```\n");
  }

  private static String printed() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream console = System.out;
    System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      EmbeddingExample.main(new String[0]);
    } finally {
      System.setOut(console);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
