package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class CountedTest {
  /**
   * A number before a plural, in a text for people: {@code "%d samples"}, {@code "%d sample(s)"}.
   */
  private static final Pattern UNCOUNTED =
      Pattern.compile(
          "%,?d (?:sample|step|finding|scene|key frame|detection|record|device|thread)"
              + "(?:s\\b|\\(s\\))");

  @Test
  void oneIsNotMany() {
    assertThat(Counted.of(1, "sample")).isEqualTo("1 sample");
    assertThat(Counted.of(0, "sample")).isEqualTo("0 samples");
    assertThat(Counted.of(6019, "key frame")).isEqualTo("6,019 key frames");
  }

  /** What is printed counts by {@link Counted}, so that nobody reads "1 samples". */
  @Test
  void whatIsPrintedIsCounted() throws IOException {
    Path root = Path.of(System.getProperty("bevel.root", "."));
    List<String> found = new ArrayList<>();
    int files = 0;
    for (String module : List.of("cli", "nuscenes", "torch")) {
      try (Stream<Path> walk =
          Files.walk(root.resolve(String.format(Locale.ROOT, "java-api/%s/src/main", module)))) {
        for (Path file : walk.filter(f -> f.toString().endsWith(".java")).toList()) {
          files++;
          Matcher matcher = UNCOUNTED.matcher(Files.readString(file));
          while (matcher.find()) {
            found.add(file.getFileName() + ": " + matcher.group());
          }
        }
      }
    }
    assertThat(files).isGreaterThan(200);
    assertThat(found).isEmpty();
  }
}
