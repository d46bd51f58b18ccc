package dev.bevel.nuscenes.validation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.testing.TestData;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Trimmed copies of real data: sound but for what was trimmed, and that is all that is found. */
class RealDataSetTest {
  private static ValidationReport validate(Path data, Set<Allowance> allowances)
      throws InterruptedException {
    return DataSetValidator.of(data).allowing(allowances).validate();
  }

  private static Set<String> kinds(ValidationReport report) {
    return Set.copyOf(
        report.counts().stream()
            .map(
                kind ->
                    String.format(Locale.ROOT, "%s %s.%s", kind.rule(), kind.table(), kind.field()))
            .toList());
  }

  @Test
  void oneSample() throws InterruptedException {
    Path data = TestData.require("nuscenes-one-sample");
    ValidationReport lenient = validate(data, EnumSet.allOf(Allowance.class));
    assertThat(lenient.findings()).isEmpty();
    assertThat(lenient.boxes()).as("boxes whose points were counted").isEqualTo(69);
    assertThat(lenient.files()).isEqualTo(8);
    assertThat(kinds(validate(data, Set.of())))
        .containsExactlyInAnyOrder(
            "REFERENCE map.log_tokens",
            "REFERENCE sample_annotation.visibility_token",
            "AGREEMENT sample_annotation.num_radar_pts");
  }

  @Test
  void miniVal() throws InterruptedException {
    Path data = TestData.require("nuscenes-mini-val");
    ValidationReport lenient = validate(data, EnumSet.allOf(Allowance.class));
    assertThat(lenient.findings()).isEmpty();
    assertThat(lenient.records()).containsEntry("sample_annotation", 4514);
    assertThat(kinds(validate(data, Set.of())))
        .containsExactlyInAnyOrder(
            "REFERENCE map.log_tokens",
            "REFERENCE sample_annotation.visibility_token",
            "AGREEMENT sample_annotation.num_radar_pts",
            "FILE sample_data.filename");
  }

  @Test
  void eachAllowanceAllowsItsOwnFaultOnly() throws InterruptedException {
    Path data = TestData.require("nuscenes-mini-val");
    Set<String> all = kinds(validate(data, Set.of()));
    for (Allowance allowance : Allowance.values()) {
      Set<String> left = kinds(validate(data, EnumSet.of(allowance)));
      assertThat(all).as(allowance.label()).containsAll(left);
      assertThat(left).as(allowance.label()).hasSize(all.size() - 1);
    }
  }
}
