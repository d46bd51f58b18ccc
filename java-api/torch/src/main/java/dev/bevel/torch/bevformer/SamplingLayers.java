package dev.bevel.torch.bevformer;

import dev.bevel.torch.TensorHold;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.nn.Scopes;
import dev.bevel.torch.nn.Tensors;
import java.util.Arrays;
import java.util.Locale;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The linear layers that all of BEVFormer's deformable attentions have, initialised as there: no
 * dependence on the query, offsets that point from the reference in as many directions as there are
 * heads, point i being i + 1 pixels away (Zhu et al., "Deformable DETR", ICLR 2021, appendix).
 */
final class SamplingLayers {
  private SamplingLayers() {}

  /**
   * The layer from queries to offsets.
   *
   * @param in channels of its input
   * @param sizes of the attention
   * @param groups levels, or queues · levels, of a head
   */
  static Linear offsets(long in, AttentionSizes sizes, long groups, Initializer init) {
    long out = sizes.heads() * groups * sizes.points() * 2;
    Linear layer = new Linear(in, out, Initializer.Weights.ZEROS, init);
    double[] bias = new double[Math.toIntExact(out)];
    int next = 0;
    for (int head = 0; head < sizes.heads(); head++) {
      double angle = 2 * Math.PI * head / sizes.heads();
      double x = Math.cos(angle);
      double y = Math.sin(angle);
      double longest = Math.max(Math.abs(x), Math.abs(y));
      for (long group = 0; group < groups; group++) {
        for (int point = 1; point <= sizes.points(); point++) {
          bias[next++] = x / longest * point;
          bias[next++] = y / longest * point;
        }
      }
    }
    Scopes.withoutGradient(
        () -> layer.tensor("bias").copy_(Tensors.of(bias, out).to(ScalarType.Float)));
    return layer;
  }

  /** The layer from queries to the logits of the attention weights. */
  static Linear logits(long in, AttentionSizes sizes, long groups, Initializer init) {
    return new Linear(in, sizes.heads() * groups * sizes.points(), Initializer.Weights.ZEROS, init);
  }

  /** The layer from features to values, or from what was sampled to the result. */
  static Linear projection(AttentionSizes sizes, Initializer init) {
    return new Linear(sizes.channels(), sizes.channels(), Initializer.Weights.XAVIER_UNIFORM, init);
  }

  /** The argument's shape must be this; −1 stands for any size. */
  static void requireShape(String module, String argument, Tensor tensor, long... shape) {
    long[] given = TensorHold.require(module, argument, tensor).shape();
    boolean fits = given.length == shape.length;
    for (int i = 0; fits && i < shape.length; i++) {
      fits = shape[i] < 0 || shape[i] == given[i];
    }
    if (!fits) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: %s must be %s, got %s",
              module,
              argument,
              Arrays.toString(shape).replace("-1", "any"),
              Arrays.toString(given)));
    }
  }
}
