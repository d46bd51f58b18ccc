package dev.bevel.bench.deformconv;

import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.torch.nn.Scopes;
import org.bytedeco.pytorch.GridSampleFuncOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.kZeros;
import org.jspecify.annotations.Nullable;

/**
 * Deformable convolution composed of LibTorch's operators, as one writes it who has no kernel for
 * it: the samples of all channels and taps as a matrix of columns, times the weight. Differentiable
 * by LibTorch's autograd.
 */
public enum DeformConvComposition {
  /** Samples by four {@code gather}s and their bilinear weights. */
  GATHER {
    @Override
    Tensor sample(Tensor maps, Tensor y, Tensor x) {
      long height = maps.size(2);
      long width = maps.size(3);
      Tensor pixels = maps.flatten(2, 3);
      Tensor top = y.floor();
      Tensor left = x.floor();
      Tensor below = y.sub(top);
      Tensor right = x.sub(left);
      Tensor sum = corner(pixels, width, height, top, left, complement(below), complement(right));
      sum = sum.add(corner(pixels, width, height, top, plusOne(left), complement(below), right));
      sum = sum.add(corner(pixels, width, height, plusOne(top), left, below, complement(right)));
      return sum.add(corner(pixels, width, height, plusOne(top), plusOne(left), below, right));
    }

    // One neighbour of every sample times its bilinear weight; what lies between is freed.
    private Tensor corner(
        Tensor pixels,
        long width,
        long height,
        Tensor row,
        Tensor column,
        Tensor vertical,
        Tensor horizontal) {
      return Scopes.tidy(
          () -> {
            Tensor weight =
                vertical
                    .mul(horizontal)
                    .mul(
                        inside(row, height)
                            .logical_and(inside(column, width))
                            .to(row.scalar_type()));
            Tensor index =
                clamp(row, height).mul(new Scalar((double) width)).add(clamp(column, width));
            Tensor indices =
                index.to(ScalarType.Long).unsqueeze(1).expand(row.size(0), pixels.size(1), -1);
            return pixels.gather(2, indices).mul(weight.unsqueeze(1));
          });
    }

    private Tensor plusOne(Tensor corner) {
      return corner.add(new Scalar(1.0));
    }
  },

  /** Samples by one {@code grid_sample} over all taps. */
  GRID_SAMPLE {
    @Override
    Tensor sample(Tensor maps, Tensor y, Tensor x) {
      Tensor grid =
          torch.stack(
              new TensorVector(normalized(x, maps.size(3)), normalized(y, maps.size(2))), -1);
      GridSampleFuncOptions options = new GridSampleFuncOptions();
      options.padding_mode().put(new kZeros());
      options.align_corners().put(false);
      return torch.grid_sample(maps, grid.unsqueeze(1), options).squeeze(2);
    }

    // Pixel coordinates, 0 the centre of the first, in grid_sample's −1 to 1 over the edges.
    private Tensor normalized(Tensor pixels, long size) {
      return pixels.mul(new Scalar(2.0 / size)).add(new Scalar(1.0 / size - 1));
    }
  };

  /**
   * Samples maps [n, C, H, W] bilinearly at pixels (y, x), both [n, S], with zeros outside.
   *
   * @return [n, C, S]
   */
  abstract Tensor sample(Tensor maps, Tensor y, Tensor x);

  /**
   * Convolves.
   *
   * @param input [B, C, H, W]
   * @param offset [B, 2·G·K, Ho, Wo]
   * @param mask [B, G·K, Ho, Wo], or null
   * @param weight [O, C/groups, kh, kw]
   * @param bias [O], or null
   * @param settings how the kernel moves
   * @return [B, O, Ho, Wo]
   */
  public Tensor convolve(
      Tensor input,
      Tensor offset,
      @Nullable Tensor mask,
      Tensor weight,
      @Nullable Tensor bias,
      DeformConvSettings settings) {
    long batch = input.size(0);
    long channels = input.size(1);
    long taps = weight.size(2) * weight.size(3);
    long rows = offset.size(2);
    long columns = offset.size(3);
    long deformGroups = settings.deformGroups();
    long groups = settings.groups();

    Tensor maps =
        input.reshape(batch * deformGroups, channels / deformGroups, input.size(2), input.size(3));
    Tensor pairs = offset.reshape(batch * deformGroups, taps, 2, rows, columns);
    Tensor y =
        pairs
            .select(2, 0)
            .add(
                places(
                    offset,
                    positions(weight.size(2), settings.dilationY(), -settings.paddingY())
                        .repeat_interleave(weight.size(3)),
                    positions(rows, settings.strideY(), 0).view(1, -1, 1)));
    Tensor x =
        pairs
            .select(2, 1)
            .add(
                places(
                    offset,
                    positions(weight.size(3), settings.dilationX(), -settings.paddingX())
                        .repeat(weight.size(2)),
                    positions(columns, settings.strideX(), 0).view(1, 1, -1)));
    Tensor samples = sample(maps, y.flatten(1, 3), x.flatten(1, 3));
    if (mask != null) {
      samples = samples.mul(mask.reshape(batch * deformGroups, 1, taps * rows * columns));
    }
    Tensor matrix = samples.reshape(batch, groups, channels / groups * taps, rows * columns);
    Tensor out =
        weight
            .reshape(1, groups, weight.size(0) / groups, channels / groups * taps)
            .matmul(matrix)
            .reshape(batch, weight.size(0), rows, columns);
    return bias == null ? out : out.add(bias.view(1, -1, 1, 1));
  }

  /** first, first + step, ... */
  private static Tensor positions(long count, int step, int first) {
    return torch.arange(new Scalar(count)).mul(new Scalar(step)).add(new Scalar(first));
  }

  /** The coordinates [K, Ho or 1, Wo or 1] of all taps without offsets, in the dtype of these. */
  private static Tensor places(Tensor offset, Tensor ofTaps, Tensor ofOutputs) {
    return ofTaps.view(-1, 1, 1).add(ofOutputs).to(offset.scalar_type());
  }

  private static Tensor complement(Tensor fraction) {
    return fraction.neg().add(new Scalar(1.0));
  }

  private static Tensor inside(Tensor coordinate, long size) {
    return coordinate
        .ge(new Scalar(0.0))
        .logical_and(coordinate.le(new Scalar((double) (size - 1))));
  }

  private static Tensor clamp(Tensor coordinate, long size) {
    return coordinate.clamp_min(new Scalar(0.0)).clamp_max(new Scalar((double) (size - 1)));
  }
}
