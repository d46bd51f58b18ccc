package dev.bevel.torch.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.testing.TestData;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ParityTest {
  private static final String BEVDET = "detector-fixtures/bevdet_v1_r50.json";

  @TempDir private Path folder;

  @Test
  void bevDetAgreesInDouble() throws IOException {
    Assumptions.assumeTrue(
        Boolean.getBoolean("bevel.test.long"),
        "skipped: takes half a minute, run it with -Dbevel.test.long=true");
    ParityReport report = Parity.run(DetectorFixture.read(TestData.require(BEVDET)), true);
    assertThat(report.passed()).as(report.format()).isTrue();
  }

  @Test
  void tapsTellValuesShapesAndNotANumber() {
    try (TensorScope scope = TensorScope.open()) {
      assertThat(TensorScope.current()).isSameAs(scope);
      double[] values = {1, -1, 2, -2};
      int first = (int) Long.remainderUnsigned(SplitMix.mix(0), 4);
      ExpectedTap tap =
          new ExpectedTap(
              "x",
              new long[] {2, 2},
              0,
              Math.sqrt(2.5),
              Math.sqrt(10),
              new double[] {values[first]});
      assertThat(tap.compare(Tensors.of(values, 2, 2)).error()).isZero();
      assertThat(tap.compare(Tensors.of(values, 4)).within(1)).isFalse();
      assertThat(tap.compare(Tensors.of(values, 1, 2, 1, 2)).error()).isZero();

      double[] sampled = values.clone();
      sampled[first] += 0.5;
      assertThat(tap.compare(Tensors.of(sampled, 2, 2)).error())
          .isEqualTo(0.5 / Math.sqrt(2.5), within(1e-12));
      double[] unsampled = values.clone();
      unsampled[(first + 1) % 4] += 0.5;
      assertThat(tap.compare(Tensors.of(unsampled, 2, 2)).error())
          .as("told by mean or norm")
          .isGreaterThan(0.05);
      unsampled[(first + 1) % 4] = Double.NaN;
      assertThat(tap.compare(Tensors.of(unsampled, 2, 2)).within(1)).isFalse();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'name': 'bevdet_v1_r50' | 'name': 'yolo' | no detector is known for the fixture 'yolo';"
            + " known: bevdepth_megvii_r50, bevdet_v1_r50",
        "'version': 'formula 1' | 'version': 'formula 2' | formula.version must be 'formula 1', got"
            + " 'formula 2'",
        "'multipliers': | 'multiplicators': | multipliers is missing",
        "'img_bev_encoder_neck.': 1.6 | 'img_bev_encoder_neck.': 1.7 | the weights made by its"
            + " formula do not match it",
        "'intrins': [ | 'intrins': ['x', | inputs.intrins must be a finite number, got",
        "'intrins': [ | 'intrins': [1, | inputs.intrins must be 54 numbers, got 55 numbers",
        "'taps': | 'taps: | its JSON is damaged",
        "'taps': { | 'taps': {}, 'others': { | taps must be at least one tap, got none",
        "'std': 0.6193049430963461 | 'std': -0.6193049430963461 | taps.img_backbone.stage3.std must"
            + " be positive, got -0.619",
        "'image': { | 'image': {'key': 'input.image', 'shape': [1000000, 1000000]}, 'other': { |"
            + " inputs.image.shape must be [6, 3, 256, 704], got [1000000, 1000000]",
        "'border_points': [ | 'border_points': [[249216, 3], | must be of points below 249216 and"
            + " cells from -1 to 16383, got [249216, 3]",
        "'border_points': [ | 'border_points': [[0, 16384], | got [0, 16384]",
        "'border_points': [ | 'border_points': 'none', 'others': [ | frustum_cells.border_points"
            + " must be a list of rows",
      })
  void damagedFixturesAreRefused(String from, String to, String message) throws IOException {
    String text = Files.readString(TestData.require(BEVDET));
    String wanted = from.replace('\'', '"');
    assertThat(text.contains(wanted)).as(wanted).isTrue();
    Path damaged = folder.resolve("damaged.json");
    Files.writeString(damaged, text.replace(wanted, to.replace('\'', '"')));
    assertThatThrownBy(() -> Parity.run(DetectorFixture.read(damaged), false))
        .isInstanceOf(FixtureException.class)
        .hasMessageContaining(damaged.toString())
        .hasMessageContaining(message);
  }

  @Test
  void filesThatAreNoFixturesAreRefused() throws IOException {
    Path file = folder.resolve("x.json");
    assertThatThrownBy(() -> DetectorFixture.read(file))
        .hasMessage("fixture file " + file + " does not exist");
    for (String text :
        new String[] {"", "{", "[]", "{}", "{\"formula\": {\"version\": 3}}", "{} {}", "\0"}) {
      Files.writeString(file, text);
      assertThatThrownBy(() -> DetectorFixture.read(file))
          .as(text)
          .isInstanceOf(FixtureException.class);
    }
    Files.writeString(file, "[".repeat(100_000));
    assertThatThrownBy(() -> DetectorFixture.read(file)).isInstanceOf(FixtureException.class);
  }

  private static ParityReport report(int agreeing, int differing, int missing, String... outputs) {
    List<TapResult> taps = new ArrayList<>();
    for (int i = 0; i < agreeing; i++) {
      taps.add(new TapResult("agreeing" + i, true, "[1]", 1e-6));
    }
    for (int i = 0; i < differing; i++) {
      taps.add(new TapResult("differing" + i, true, "[1]", 1));
    }
    for (int i = 0; i < missing; i++) {
      taps.add(TapResult.notCompared("missing" + i));
    }
    return new ParityReport("x", false, 1e-4, taps, List.of(outputs), 0, 0, 0);
  }

  /** Names of intermediate tensors are the fixture's choice; what they say is not. */
  @Test
  void tapsThatTheDetectorLacksSayNothingUnlessTheyAreMany() {
    ParityReport few = report(18, 0, 2);
    assertThat(few.passed()).isTrue();
    assertThat(few.format())
        .contains("missing1", "not compared: the detector has no such tap")
        .contains("all 18 taps agree, 2 not compared")
        .doesNotContain("FAIL");
    assertThat(report(17, 0, 2).passed()).isFalse();
    assertThat(report(17, 0, 2).format())
        .contains("FAIL: more than a tenth of the fixture's taps are not compared");
    assertThat(report(0, 0, 1).passed()).isFalse();
    assertThat(report(18, 1, 1).passed()).isFalse();
    assertThat(report(18, 1, 1).format()).contains("1 of 19 taps differ, 1 not compared");
    ParityReport blind = report(18, 0, 1, "head.task0.vel");
    assertThat(blind.passed()).isFalse();
    assertThat(blind.format())
        .contains("FAIL: the fixture has no tap of the head's outputs head.task0.vel");
  }
}
