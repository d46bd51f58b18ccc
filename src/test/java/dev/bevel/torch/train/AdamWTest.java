package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Scopes;
import dev.bevel.torch.nn.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are there to be closed
class AdamWTest {
  private static final int SIZE = 12;
  private static final double RATE = 0.02;

  /** p, first and second moment of plain loops. */
  private static double[] reference(double[] start, double decay, double factor, int steps) {
    double[] p = start.clone();
    double[] m = new double[SIZE];
    double[] v = new double[SIZE];
    double rate = RATE * factor;
    for (int t = 1; t <= steps; t++) {
      double[] g = gradient(t);
      for (int i = 0; i < SIZE; i++) {
        p[i] -= rate * decay * p[i];
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
        double mean = m[i] / (1 - Math.pow(0.9, t));
        double square = v[i] / (1 - Math.pow(0.999, t));
        p[i] -= rate * mean / (Math.sqrt(square) + 1e-8);
      }
    }
    return p;
  }

  private static double[] gradient(int step) {
    return new Random(100 + step).doubles(SIZE, -2, 2).toArray();
  }

  private static double[] start(long seed) {
    return new Random(seed).doubles(SIZE, -1, 1).toArray();
  }

  private static Tensor parameter(long seed) {
    Tensor p = Tensors.of(start(seed), SIZE);
    p.set_requires_grad(true);
    return p;
  }

  private static void setGradient(Tensor p, int step) {
    p.mutable_grad().put(Tensors.of(gradient(step), SIZE));
  }

  @Test
  void groupsEqualPlainLoopsInDouble() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor a = parameter(1);
      Tensor b = parameter(2);
      try (AdamW optimizer =
          new AdamW(
              List.of(
                  new AdamW.Group(Map.of("a", a), 1, 0.3),
                  new AdamW.Group(Map.of("b", b), 0.25, 0)))) {
        for (int step = 1; step <= 7; step++) {
          setGradient(a, step);
          setGradient(b, step);
          optimizer.step(RATE);
        }
      }
      assertThat(Tensors.toDoubles(a))
          .containsExactly(reference(start(1), 0.3, 1, 7), within(1e-12));
      assertThat(Tensors.toDoubles(b))
          .containsExactly(reference(start(2), 0, 0.25, 7), within(1e-12));
    }
  }

  @Test
  void equalsTheOptimizerOfLibTorch() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor ours = parameter(3);
      Tensor theirs = parameter(3);
      AdamWOptions options = new AdamWOptions(RATE);
      options.weight_decay().put(0.1);
      org.bytedeco.pytorch.AdamW peer =
          new org.bytedeco.pytorch.AdamW(new TensorVector(theirs), options);
      try (AdamW optimizer = new AdamW(List.of(new AdamW.Group(Map.of("p", ours), 1, 0.1)))) {
        for (int step = 1; step <= 5; step++) {
          setGradient(ours, step);
          setGradient(theirs, step);
          optimizer.step(RATE);
          peer.step();
        }
      }
      assertThat(Tensors.toDoubles(ours)).containsExactly(Tensors.toDoubles(theirs), within(1e-12));
      assertThat(Tensors.toDoubles(ours)).isNotEqualTo(start(3));
    }
  }

  @Test
  void parametersWithoutGradientAreLeftAlone() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor p = parameter(4);
      try (AdamW optimizer = new AdamW(List.of(new AdamW.Group(Map.of("p", p), 1, 0.5)))) {
        optimizer.step(RATE);
        assertThat(Tensors.toDoubles(p)).containsExactly(start(4));
        setGradient(p, 1);
        optimizer.step(RATE);
        assertThat(Tensors.toDoubles(p))
            .containsExactly(reference(start(4), 0.5, 1, 1), within(1e-12));
      }
    }
  }

  @Test
  void badGroupsAreRefused() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor p = parameter(5);
      AdamW.Group group = new AdamW.Group(Map.of("p", p), 1, 0);
      assertThatThrownBy(() -> new AdamW(List.of(group, group)))
          .hasMessage("AdamW: parameter p is in two groups");
      assertThatThrownBy(() -> new AdamW.Group(Map.of(), 1, -1))
          .hasMessage("AdamW: rateFactor and weightDecay must not be negative, got 1.0 and -1.0");
    }
  }

  @Test
  void noHistoryIsRecorded() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor p = parameter(6);
      try (AdamW optimizer = new AdamW(List.of(new AdamW.Group(Map.of("p", p), 1, 0.1)))) {
        setGradient(p, 1);
        optimizer.step(RATE);
        assertThat(p.is_leaf()).isTrue();
        assertThat(p.requires_grad()).isTrue();
        Scopes.withoutGradient(
            () -> optimizer.state().values().forEach(t -> assertThat(t.requires_grad()).isFalse()));
      }
    }
  }
}
