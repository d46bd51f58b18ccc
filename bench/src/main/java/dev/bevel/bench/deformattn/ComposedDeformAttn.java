package dev.bevel.bench.deformattn;

import dev.bevel.kernels.MapCombination;
import dev.bevel.kernels.ReferenceKind;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.nn.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Deformable attention composed of LibTorch's operators, as projects do it where they have no
 * kernel: a {@code grid_sample} for each level, its results stacked, multiplied with the weights
 * and summed. Shapes as in {@link dev.bevel.torch.autograd.MsdaFunction} and {@link
 * dev.bevel.torch.autograd.DeformAttnFunction}. Works in the dtype of value throughout, coordinates
 * included, and so tells what 16 bits cost a plain composition.
 */
public final class ComposedDeformAttn {
  private static final int BILINEAR = 0;
  private static final int ZEROS_PADDING = 0;

  private ComposedDeformAttn() {}

  /**
   * The field's form: value [B, S, M, D], locations [B, Q, M, L, P, 2], weights [B, Q, M, L, P].
   */
  public static Tensor msda(Tensor value, ValueLevels levels, Tensor locations, Tensor weights) {
    long batch = value.size(0);
    long heads = value.size(2);
    long dim = value.size(3);
    long queries = locations.size(1);
    long points = locations.size(4);
    Tensor grids = locations.mul(new Scalar(2.0)).sub(new Scalar(1.0));
    TensorVector sampled = new TensorVector();
    for (int l = 0; l < levels.count(); l++) {
      ValueLevels.Level level = levels.levels().get(l);
      Tensor map =
          value
              .narrow(1, level.start(), level.rows())
              .permute(0, 2, 3, 1)
              .reshape(batch * heads, dim, level.height(), level.width());
      Tensor grid = grids.select(3, l).transpose(1, 2).reshape(batch * heads, queries, points, 2);
      sampled.push_back(torch.grid_sampler_2d(map, grid, BILINEAR, ZEROS_PADDING, false));
    }
    long samples = levels.count() * points;
    Tensor all = torch.stack(sampled, -2).reshape(batch * heads, dim, queries, samples);
    Tensor factors = weights.transpose(1, 2).reshape(batch * heads, 1, queries, samples);
    return all.mul(factors).sum(-1).view(batch, heads * dim, queries).transpose(1, 2).contiguous();
  }

  /**
   * The sampling locations in [0, 1], [B, N, Q, M, L, P, 2], of the fused form: offsets in pixels
   * from points, in shares of half a box's size divided by P from boxes.
   */
  public static Tensor locations(
      ValueLevels levels, Tensor reference, Tensor offsets, ReferenceKind kind) {
    long points = offsets.size(5);
    Tensor perSample =
        kind == ReferenceKind.OF_LEVEL
            ? reference.unsqueeze(3).unsqueeze(5) // [B, N, Q, 1, L, 1, ..]
            : reference
                .index_select(3, anchorOfPoint(reference.size(3), points))
                .unsqueeze(3)
                .unsqueeze(3); // [B, N, Q, 1, 1, P, ..]
    Tensor place = perSample.narrow(-1, 0, 2);
    if (reference.size(-1) == 4) {
      Tensor size = perSample.narrow(-1, 2, 2);
      return place.add(offsets.mul(size).mul(new Scalar(0.5 / points)));
    }
    return place.add(offsets.div(pixels(levels, offsets)));
  }

  /** The fused form. */
  public static Tensor fused(
      DeformAttnShape shape,
      Tensor value,
      Tensor reference,
      Tensor offsets,
      Tensor logits,
      @Nullable Tensor visible) {
    long maps = (long) shape.batch() * shape.maps();
    Tensor locations = locations(shape.levels(), reference, offsets, shape.kind());
    Tensor weights =
        logits.flatten(-2, -1).softmax(-1, new ScalarTypeOptional()).view(logits.shape());
    long[] all = {
      shape.batch(),
      shape.maps(),
      shape.queries(),
      shape.heads(),
      shape.levels().count(),
      shape.points()
    };
    Tensor out =
        msda(
                value.flatten(0, 1),
                shape.levels(),
                locations.expand(concat(all, 2)).reshape(concat(tail(all, maps), 2)),
                weights.expand(all).reshape(tail(all, maps)))
            .view(shape.batch(), shape.maps(), shape.queries(), -1);
    Tensor seen =
        visible == null
            ? torch.ones_like(out.select(-1, 0))
            : visible.ne(new Scalar(0)).to(out.scalar_type());
    Tensor masked = out.mul(seen.unsqueeze(-1));
    if (shape.combination() == MapCombination.SEPARATE) {
      return masked;
    }
    Tensor count = seen.sum(1).clamp_min(new Scalar(1.0));
    return masked.sum(1).div(count.unsqueeze(-1));
  }

  /** [L, 1, 2]: width and height of each level. */
  private static Tensor pixels(ValueLevels levels, Tensor like) {
    double[] sizes = new double[2 * levels.count()];
    for (int l = 0; l < levels.count(); l++) {
      sizes[2 * l] = levels.levels().get(l).width();
      sizes[2 * l + 1] = levels.levels().get(l).height();
    }
    return Tensors.of(sizes, levels.count(), 1, 2).to(like.scalar_type());
  }

  private static Tensor anchorOfPoint(long anchors, long points) {
    double[] anchor = new double[(int) points];
    for (int p = 0; p < points; p++) {
      anchor[p] = p % anchors;
    }
    return Tensors.of(anchor, points).to(ScalarType.Long);
  }

  private static long[] tail(long[] shape, long first) {
    long[] merged = Arrays.copyOfRange(shape, 1, shape.length);
    merged[0] = first;
    return merged;
  }

  private static long[] concat(long[] shape, long last) {
    long[] longer = Arrays.copyOf(shape, shape.length + 1);
    longer[shape.length] = last;
    return longer;
  }
}
