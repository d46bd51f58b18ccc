package dev.bevel.bench.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.bench.BenchmarkOptions.InvalidChoiceException;
import dev.bevel.bench.nuscenes.ScaleBenchmark.Fraction;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScaleBenchmarkTest {
  @Test
  void sizesAreFractions() {
    assertThat(Fraction.parse("1/4").value()).isEqualTo(0.25);
    assertThat(Fraction.parse(" 0.5 ").value()).isEqualTo(0.5);
    assertThat(Fraction.parse("1")).isEqualTo(new Fraction("1", 1));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0", "2", "-1/4", "1/0", "4/1", "1/2/4", "half", "1/x", "NaN"})
  void otherSizesAreRefused(String size) {
    assertThatThrownBy(() -> Fraction.parse(size))
        .isInstanceOf(InvalidChoiceException.class)
        .hasMessageContaining("e.g. 1/4, got " + size);
  }

  @Test
  void aTemporaryFolderEndsWithItsScope() throws IOException {
    Path path;
    try (TemporaryFolder folder = new TemporaryFolder()) {
      path = folder.path();
      Files.writeString(Files.createDirectories(path.resolve("a/b")).resolve("c"), "text");
    }
    assertThat(path).doesNotExist();
  }

  @Test
  void resultsAreOneLineEach() {
    ScaleResult.Usage usage = new ScaleResult.Usage(12.25, 20, 1024.4, 512);
    ScaleReport report =
        new ScaleReport(
            List.of(new ScaleResult("tables", "1/8", 4269, 817_000, 325_000_000, usage, 6144)));
    assertThat(report.table().lines()).hasSize(2);
    assertThat(report.table().lines().toList().getLast().strip().split(" +", -1))
        .containsExactly(
            "tables", "1/8", "4269", "817000", "325", "12.25", "20.00", "1024", "512", "6144");
  }
}
