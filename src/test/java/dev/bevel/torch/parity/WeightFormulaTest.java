package dev.bevel.torch.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class WeightFormulaTest {
  private static final WeightFormula PLAIN =
      new WeightFormula(
          List.of("grid"),
          List.of("query"),
          Map.of("head.", 2.0),
          Map.of("t", new double[] {3, 4}));

  @Test
  void hashesGiveTheirPublishedValues() {
    assertThat(SplitMix.mix(0)).isEqualTo(0xe220a8397b1dcdafL);
    assertThat(SplitMix.fnv1a("")).isEqualTo(0xcbf29ce484222325L);
    assertThat(SplitMix.fnv1a("a")).isEqualTo(0xaf63dc4c8601ec8cL);
    assertThat(SplitMix.fnv1a("pts_bbox_head.shared_conv.conv.weight"))
        .isEqualTo(0xf822dc77c952a897L);
  }

  @Test
  void kindsFollowTheNames() {
    assertThat(value("head.conv.bn.running_var", 4)).isBetween(1.0, 1.5);
    assertThat(value("head.conv.bn.running_mean", 4)).isBetween(-0.1, 0.1);
    assertThat(value("conv.bn.weight", 4)).isBetween(0.8, 1.2);
    assertThat(value("conv.bias", 4)).isBetween(-0.1, 0.1);
    double plain = SplitMix.centred(SplitMix.fnv1a("head.w"), 0) * Math.sqrt(3.0 / 18);
    assertThat(value("head.w", 4, 2, 3, 3)).isEqualTo(2 * plain);
    assertThat(value("query", 5, 2)).isEqualTo(SplitMix.centred(SplitMix.fnv1a("query"), 0));
    assertThat(value("sparse", 3, 3, 3, 16, 32))
        .isEqualTo(SplitMix.centred(SplitMix.fnv1a("sparse"), 0) * Math.sqrt(3.0 / (27 * 16)));
    assertThat(value("t", 2)).isEqualTo(3);
    assertThat(PLAIN.formula("grid", new long[] {3}, true)).isNull();
    assertThat(PLAIN.formula("bn.num_batches_tracked", new long[0], false)).isNull();
  }

  private static double value(String name, long... shape) {
    return Objects.requireNonNull(PLAIN.formula(name, shape, true)).applyAsDouble(0);
  }

  @Test
  void whatTheFormulaDoesNotCoverIsRefused() {
    assertThatThrownBy(() -> PLAIN.formula("gamma", new long[] {3}, true))
        .hasMessageContaining("says nothing of gamma");
    assertThatThrownBy(() -> PLAIN.formula("t", new long[] {3}, true))
        .hasMessageContaining("must have 3 values, got 2");
  }
}
