package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.require;

import dev.bevel.kernels.BevWarp;
import dev.bevel.kernels.BevWarpGradients;
import dev.bevel.kernels.BevWarpInputs;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.Interpolation;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.WarpCoordinates;
import dev.bevel.kernels.WarpMatrix;
import dev.bevel.kernels.WarpPositions;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Warps of bird's-eye-view maps as part of a network: {@link BevWarp}, differentiable with respect
 * to the maps and, where positions are a grid, to these. Matrices, which are poses, get no
 * gradient.
 *
 * <pre>{@code
 * var align = new BevWarpFunction(WarpCoordinates.PIXELS, Interpolation.BILINEAR);
 * Tensor matrices = BevWarpFunction.matrices(warps);            // [T, 2, 3]
 * Tensor aligned = align.warp(maps, matrices);                  // [T, C, H, W]
 * align.warpInto(maps, matrices, all.narrow(0, 1, T));          // no gradient, no copy
 * }</pre>
 *
 * <p>Shapes, with B batch elements of T frames: maps [B, T, C, H, W] or [T, C, H, W]; matrices [B,
 * T, 2, 3] or [T, 2, 3]; grid [B, T, H', W', 2] or [T, H', W', 2]. Maps may be parts of wider
 * tensors, and channels-last in memory, without a copy; the result then is channels-last too. Other
 * strides are copied.
 *
 * <p>dtypes: maps Float, BFloat16 or Half; matrices and grid are cast to Float, or to Double where
 * maps are (CPU only). On CUDA the work joins LibTorch's current stream.
 */
public final class BevWarpFunction extends KernelFunction {
  private static final int MAPS = 0;
  private static final int POSITIONS = 1;

  private final WarpCoordinates coordinates;
  private final Interpolation interpolation;
  private final Determinism determinism;

  /** Of the output of matrices; 0 for the input's. */
  private final long outHeight;

  private final long outWidth;

  /**
   * Deterministic warps to maps of the input's size.
   *
   * @param coordinates how matrices and grids are written
   * @param interpolation what is read between pixels
   */
  public BevWarpFunction(WarpCoordinates coordinates, Interpolation interpolation) {
    this(coordinates, interpolation, Determinism.STRICT, 0, 0);
  }

  private BevWarpFunction(
      WarpCoordinates coordinates,
      Interpolation interpolation,
      Determinism determinism,
      long outHeight,
      long outWidth) {
    super(determinism, Argument.stored("maps"), Argument.following("positions"));
    this.coordinates = Objects.requireNonNull(coordinates, "coordinates");
    this.interpolation = Objects.requireNonNull(interpolation, "interpolation");
    this.determinism = determinism;
    this.outHeight = outHeight;
    this.outWidth = outWidth;
  }

  /**
   * The same with another way of adding up in backward.
   *
   * @param other strict or fast
   */
  public BevWarpFunction withDeterminism(Determinism other) {
    return new BevWarpFunction(coordinates, interpolation, other, outHeight, outWidth);
  }

  /**
   * The same, with matrices giving maps of this size. (A grid says its size itself.)
   *
   * @param height H'
   * @param width W'
   */
  public BevWarpFunction withOutSize(long height, long width) {
    if (height < 1 || width < 1) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "BevWarpFunction: the output must have 1 × 1 pixels or more, got %d × %d",
              height,
              width));
    }
    return new BevWarpFunction(coordinates, interpolation, determinism, height, width);
  }

  /**
   * Warps as the tensor that {@link #warp} takes.
   *
   * @param warps one a frame
   * @return [warps, 2, 3], Float, on the CPU
   */
  public static Tensor matrices(List<WarpMatrix> warps) {
    TensorScope.require("BevWarpFunction.matrices");
    try (TensorScope inner = TensorScope.open()) {
      return inner.keep(
          torch.tensor(WarpMatrix.floats(warps)).view(new long[] {warps.size(), 2, 3}));
    }
  }

  /**
   * Warps maps by matrices.
   *
   * @param maps [B, T, C, H, W] or [T, C, H, W]
   * @param matrices [B, T, 2, 3] or [T, 2, 3], without gradient: position in the input = matrix ·
   *     (x, y, 1) of the output's pixel
   * @return [B, T, C, H', W'] or [T, C, H', W']
   */
  public Tensor warp(Tensor maps, Tensor matrices) {
    TensorScope.require(name());
    require(name(), "maps", maps);
    Argument.following("matrices").withoutGradient().require(name(), matrices);
    requireShape("matrices", matrices, matrixShape(maps));
    return run(maps, matrices)[0];
  }

  /**
   * Samples maps at any positions.
   *
   * @param maps [B, T, C, H, W] or [T, C, H, W]
   * @param grid [B, T, H', W', 2] or [T, H', W', 2]: positions (x, y) in the input
   * @return [B, T, C, H', W'] or [T, C, H', W']
   */
  public Tensor sample(Tensor maps, Tensor grid) {
    TensorScope.require(name());
    require(name(), "maps", maps);
    require(name(), "grid", grid);
    requireMaps("maps", maps);
    if (!isGrid(grid)) {
      throw new IllegalArgumentException(
          "BevWarpFunction: grid must be [.., T, H', W', 2], got " + Arrays.toString(grid.shape()));
    }
    return run(maps, grid)[0];
  }

  /**
   * Warps maps straight into a part of a tensor, such as that which the next convolution reads. No
   * gradient is recorded.
   *
   * @param maps [B, T, C, H, W] or [T, C, H, W]
   * @param matrices [B, T, 2, 3] or [T, 2, 3]
   * @param out [B, T, C, H', W'] or [T, C, H', W'] in the memory order of maps: strides of B, T
   *     and, channels first, of C are free; written wholly
   */
  public void warpInto(Tensor maps, Tensor matrices, Tensor out) {
    TensorScope.require(name());
    require(name(), "maps", maps);
    require(name(), "matrices", matrices);
    require(name(), "out", out);
    requireMaps("out", out);
    if (out.requires_grad()) {
      throw new IllegalArgumentException(
          "BevWarpFunction: warpInto records no gradient; out must not require one");
    }
    try (TensorScope inner = TensorScope.open()) {
      requireShape("matrices", matrices, matrixShape(maps));
      Layout layout = layoutOf(out);
      Tensor input = maps.detach();
      Tensor positions = matrices.detach().to(maps.device(), real(maps, matrices)).contiguous();
      call(inLayout(input, layout), positions, out, layout);
    }
  }

  @Override
  protected Tensor[] forward(Context context, @Nullable Tensor... given) {
    @Nullable Tensor[] inputs = complete(context, given);
    requireMaps("maps", Objects.requireNonNull(inputs[MAPS]));
    Tensor maps = fitting(inputs[MAPS]);
    Tensor positions = Objects.requireNonNull(inputs[POSITIONS]).contiguous();
    Layout layout = layoutOf(maps);
    boolean grid = isGrid(positions);
    long height = grid ? positions.size(-3) : outHeight > 0 ? outHeight : maps.size(-2);
    long width = grid ? positions.size(-2) : outWidth > 0 ? outWidth : maps.size(-1);
    Tensor out = emptyMaps(maps, layout, height, width);
    call(maps, positions, out, layout);
    // Of maps that backward does not read it needs the shape only.
    Tensor shape =
        KernelTensors.empty(new long[] {1}, maps, maps.scalar_type()).expand(maps.shape());
    context.saveForBackward(context.needsInputGrad(POSITIONS) ? maps : shape, positions);
    return new Tensor[] {out};
  }

  private void call(Tensor maps, Tensor positions, Tensor out, Layout layout) {
    BevWarp.forward(inputs(maps, positions, layout), view(out, layout), settings(out));
  }

  @Override
  protected @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs) {
    @Nullable Tensor[] saved = context.savedTensors();
    Tensor maps = Objects.requireNonNull(saved[MAPS]);
    Tensor positions = Objects.requireNonNull(saved[POSITIONS]);
    boolean readsMaps = context.needsInputGrad(POSITIONS);
    Tensor given = fitting(Objects.requireNonNull(gradOutputs[0]));
    // All maps of a call have one layout.
    Layout layout = layoutOf(readsMaps ? maps : given);
    Tensor gradOut = inLayout(given, layout);
    Tensor gradMaps =
        KernelTensors.gradient(
            context, MAPS, () -> emptyMaps(maps, layout, maps.size(-2), maps.size(-1)));
    Tensor gradGrid =
        KernelTensors.gradient(context, POSITIONS, () -> KernelTensors.emptyLike(positions));
    BevWarpGradients gradients =
        BevWarpGradients.none()
            .withInput(gradMaps == null ? null : view(gradMaps, layout))
            .withGrid(KernelTensors.view(gradGrid));
    BevWarp.backward(
        inputs(maps, positions, layout), view(gradOut, layout), gradients, settings(gradOut));
    return new @Nullable Tensor[] {gradMaps, gradGrid};
  }

  private BevWarpInputs inputs(Tensor maps, Tensor positions, Layout layout) {
    return new BevWarpInputs(view(maps, layout), positions(positions)).withLayout(layout);
  }

  private WarpPositions positions(Tensor tensor) {
    return new WarpPositions(TensorViews.of(tensor), isGrid(tensor), coordinates, interpolation);
  }

  /** Matrices end with [2, 3], grids with 2. */
  private static boolean isGrid(Tensor positions) {
    return positions.dim() >= 4 && positions.size(-1) == 2;
  }

  private static void requireMaps(String argument, Tensor maps) {
    if (maps.dim() != 4 && maps.dim() != 5) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "BevWarpFunction: %s must be [B, T, C, H, W] or [T, C, H, W], got %s",
              argument,
              Arrays.toString(maps.shape())));
    }
  }

  private static long[] matrixShape(Tensor maps) {
    requireMaps("maps", maps);
    int frames = (int) maps.dim() - 3;
    long[] shape = Arrays.copyOf(maps.shape(), frames + 2);
    shape[frames] = 2;
    shape[frames + 1] = 3;
    return shape;
  }

  private static void requireShape(String argument, Tensor tensor, long[] shape) {
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "BevWarpFunction: %s must be %s to match maps, got %s",
              argument,
              Arrays.toString(shape),
              Arrays.toString(tensor.shape())));
    }
  }

  /** Maps in the one or the other layout, copied where they are in neither. */
  private static Tensor fitting(Tensor maps) {
    return isChannelsFirst(maps) || isChannelsLast(maps) ? maps : maps.contiguous();
  }

  private static Layout layoutOf(Tensor maps) {
    return isChannelsFirst(maps) || !isChannelsLast(maps)
        ? Layout.CHANNELS_FIRST
        : Layout.CHANNELS_LAST;
  }

  private static Tensor inLayout(Tensor maps, Layout layout) {
    if (layout == Layout.CHANNELS_FIRST) {
      return isChannelsFirst(maps) ? maps : maps.contiguous();
    }
    return isChannelsLast(maps) ? maps : channelsFirst(channelsLast(maps).contiguous());
  }

  private static boolean isChannelsFirst(Tensor maps) {
    int rank = (int) maps.dim();
    return KernelTensors.isCompact(maps, rank - 2, rank - 1);
  }

  /** Channels follow each other, and so do rows of pixels, which may have gaps between them. */
  private static boolean isChannelsLast(Tensor maps) {
    long width = maps.size(-1);
    boolean channels = maps.size(-3) == 1 || maps.stride(-3) == 1;
    boolean rows = maps.size(-2) == 1 || width == 1 || maps.stride(-2) == width * maps.stride(-1);
    return channels && rows;
  }

  /** The kernel's view of maps. */
  private static TensorView view(Tensor maps, Layout layout) {
    return TensorViews.of(layout == Layout.CHANNELS_FIRST ? maps : channelsLast(maps));
  }

  private static Tensor channelsLast(Tensor maps) {
    return maps.movedim(-3, -1);
  }

  private static Tensor channelsFirst(Tensor maps) {
    return maps.movedim(-1, -3);
  }

  /** Maps [.., C, height, width] with the outer dimensions, channels and dtype of others. */
  private static Tensor emptyMaps(Tensor like, Layout layout, long height, long width) {
    int rank = (int) like.dim();
    long[] shape = like.shape();
    long channels = shape[rank - 3];
    long[] last =
        layout == Layout.CHANNELS_FIRST
            ? new long[] {channels, height, width}
            : new long[] {height, width, channels};
    System.arraycopy(last, 0, shape, rank - 3, 3);
    Tensor maps = KernelTensors.empty(shape, like, like.scalar_type());
    return layout == Layout.CHANNELS_FIRST ? maps : channelsFirst(maps);
  }
}
