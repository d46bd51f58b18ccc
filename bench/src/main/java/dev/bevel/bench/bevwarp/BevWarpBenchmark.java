package dev.bevel.bench.bevwarp;

import static dev.bevel.bench.BenchmarkReport.BEVEL;
import static dev.bevel.bench.OperatorComparison.LIBTORCH;
import static dev.bevel.kernels.WarpCoordinates.NORMALIZED_CORNERS;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.OperatorBenchmark;
import dev.bevel.bench.OperatorComparison;
import dev.bevel.kernels.BevWarp;
import dev.bevel.kernels.BevWarpGradients;
import dev.bevel.kernels.BevWarpInputs;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.Interpolation;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.WarpPositions;
import dev.bevel.torch.autograd.BevWarpFunction;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Warps of 8 frames of 80 × 128 × 128, as BEVDet4D aligns its history: turned by up to 5° and
 * shifted by up to 8 pixels.
 *
 * <ul>
 *   <li>{@code 8x80x128x128}: bilinear, by matrices, channels first.
 *   <li>{@code …-channels-last}: the same, channels last.
 *   <li>{@code …-concat}: into the last eight of nine frames of one tensor, whose first is another
 *       map that is copied there.
 *   <li>{@code …-nearest}: nearest, shifted only.
 *   <li>{@code …-grid}: by a grid, with its gradient.
 * </ul>
 *
 * <p>{@code bevel} is the kernel, whose results stay where they are; {@code bevel_autograd} the
 * same as a function of LibTorch's autograd, new tensors and graph included; {@code libtorch} its
 * {@code affine_grid} and {@code grid_sample}, with {@code cat} for the concatenation. In bf16 maps
 * and their gradients are; Bevel alone.
 */
public final class BevWarpBenchmark implements OperatorBenchmark {
  /** A case: what it does besides the plain one. */
  private record Kind(boolean channelsLast, boolean concat, boolean nearest, boolean grid) {}

  private static final String PLAIN = "8x80x128x128";
  private static final Map<String, Kind> KINDS = kinds();

  /**
   * What float32 positions may change, relative to the largest magnitude: they are off by some 1e-5
   * of a pixel, and neighbours differ by up to 2.
   */
  private static final double BOUND = 1e-4;

  private static final double BOUND_OF_BF16 = 4e-3;

  /** The cases named above. */
  public BevWarpBenchmark() {}

  private static Map<String, Kind> kinds() {
    Map<String, Kind> kinds = new LinkedHashMap<>();
    kinds.put(PLAIN, new Kind(false, false, false, false));
    kinds.put(PLAIN + "-channels-last", new Kind(true, false, false, false));
    kinds.put(PLAIN + "-concat", new Kind(false, true, false, false));
    kinds.put(PLAIN + "-nearest", new Kind(false, false, true, false));
    kinds.put(PLAIN + "-grid", new Kind(false, false, false, true));
    return kinds;
  }

  @Override
  public String operator() {
    return "bev-warp";
  }

  @Override
  public List<String> cases(BenchmarkOptions options) {
    return List.copyOf(KINDS.keySet());
  }

  @Override
  public void run(String caseName, BenchmarkSession session) {
    Kind kind = Objects.requireNonNull(KINDS.get(caseName));
    BevWarpShape shape = new BevWarpShape(8, 80, 128, 128, kind.channelsLast);
    new Run(caseName, shape, kind, DType.FLOAT32, session).run();
    if (!kind.concat && !kind.grid) {
      new Run(caseName, shape, kind, DType.BFLOAT16, session).run();
    }
  }

  /**
   * Runs the plain case with maps of another size.
   *
   * @param caseName its name in the results
   * @param shape sizes
   * @param grid whether positions are a grid, not matrices
   * @param concat whether the result goes into a part of a larger one
   * @param session where results go
   */
  public void run(
      String caseName, BevWarpShape shape, boolean grid, boolean concat, BenchmarkSession session) {
    Kind kind = new Kind(shape.channelsLast(), concat, false, grid);
    new Run(caseName, shape, kind, DType.FLOAT32, session).run();
  }

  private static final class Run {
    private final String caseName;
    private final BevWarpShape shape;
    private final Kind kind;
    private final DType dtype;
    private final BenchmarkSession session;
    private final Layout layout;
    private final Interpolation interpolation;

    Run(String caseName, BevWarpShape shape, Kind kind, DType dtype, BenchmarkSession session) {
      this.caseName = caseName;
      this.shape = shape;
      this.kind = kind;
      this.dtype = dtype;
      this.session = session;
      layout = kind.channelsLast ? Layout.CHANNELS_LAST : Layout.CHANNELS_FIRST;
      interpolation = kind.nearest ? Interpolation.NEAREST : Interpolation.BILINEAR;
    }

    void run() {
      boolean narrow = dtype == DType.BFLOAT16;
      double bound = narrow ? BOUND_OF_BF16 : BOUND;
      try (OperatorComparison c =
          new OperatorComparison("bev-warp", caseName, narrow ? "bf16" : "fp32")) {
        BevWarpProblem problem = new BevWarpProblem(shape, session.options().seed());
        double[] values = problem.maps();
        TensorView maps = c.input(dtype, values, shape.mapShape());
        double[] matrices = problem.matrices(!kind.nearest);
        TensorView positions =
            kind.grid
                ? c.input(DType.FLOAT32, problem.grid(problem.positions(matrices)), gridShape())
                : c.constant(DType.FLOAT32, matrices, shape.frames(), 2, 3);
        BevWarpInputs inputs = new BevWarpInputs(maps, where(positions)).withLayout(layout);
        if (kind.concat) {
          concatenated(c, problem, inputs);
        } else {
          plain(c, problem, inputs, bound);
        }
        if (!narrow) {
          c.tensors("bevel_autograd", this::withBevel);
          c.tensors(LIBTORCH, this::composed);
        }
        c.run(session);
      }
    }

    private long[] gridShape() {
      return new long[] {shape.frames(), shape.height(), shape.width(), 2};
    }

    private void plain(
        OperatorComparison c, BevWarpProblem problem, BevWarpInputs inputs, double bound) {
      TensorView gradOut = c.gradOut(dtype, problem.maps(), shape.mapShape());
      TensorView out = c.result(dtype, warpedBy(c, inputs), bound, shape.mapShape());
      TensorView gradMaps = c.gradient(0, gradientOfMaps(c, inputs, gradOut), bound);
      TensorView gradGrid = null;
      if (kind.grid) {
        double[] expected =
            c.reference(
                grid -> BevWarp.backward(inputs, gradOut, BevWarpGradients.none().withGrid(grid)),
                gridShape());
        gradGrid = c.gradient(1, expected, bound);
      }
      BevWarpGradients asked = BevWarpGradients.none().withInput(gradMaps).withGrid(gradGrid);
      c.kernel(
          BEVEL,
          () -> BevWarp.forward(inputs, out),
          () -> BevWarp.backward(inputs, gradOut, asked));
    }

    private double[] warpedBy(OperatorComparison c, BevWarpInputs inputs) {
      return c.reference(out -> BevWarp.forward(inputs, out), shape.mapShape());
    }

    private double[] gradientOfMaps(
        OperatorComparison c, BevWarpInputs inputs, TensorView gradOut) {
      return c.reference(
          maps -> BevWarp.backward(inputs, gradOut, BevWarpGradients.none().withInput(maps)),
          shape.mapShape());
    }

    /** Nine frames: one that is copied, and the warped ones. */
    private void concatenated(OperatorComparison c, BevWarpProblem problem, BevWarpInputs inputs) {
      int one = shape.elements() / shape.frames();
      long[] oneShape = shape.mapShape();
      oneShape[0] = 1;
      long[] allShape = shape.mapShape();
      allShape[0] = shape.frames() + 1L;
      double[] current = Arrays.copyOf(problem.maps(), one);
      TensorView map = c.input(dtype, current, oneShape);
      double[] gradients = new double[one + shape.elements()];
      System.arraycopy(problem.maps(), 0, gradients, 0, one);
      System.arraycopy(problem.maps(), 0, gradients, one, shape.elements());
      TensorView gradOut = c.gradOut(dtype, gradients, allShape);
      TensorView warpedGradient = warpedPart(gradOut);
      double[] expected = new double[gradients.length];
      System.arraycopy(current, 0, expected, 0, one);
      System.arraycopy(warpedBy(c, inputs), 0, expected, one, shape.elements());
      TensorView out = c.result(dtype, expected, BOUND, allShape);
      TensorView gradMaps = c.gradient(0, gradientOfMaps(c, inputs, warpedGradient), BOUND);
      TensorView gradMap = c.gradient(2, Arrays.copyOf(gradients, one), BOUND);
      TensorView warped = warpedPart(out);
      BevWarpGradients asked = BevWarpGradients.none().withInput(gradMaps);
      c.kernel(
          BEVEL,
          () -> {
            out.segment().asSlice(0, map.byteSize()).copyFrom(map.segment());
            BevWarp.forward(inputs, warped);
          },
          () -> {
            gradMap.segment().copyFrom(gradOut.segment().asSlice(0, map.byteSize()));
            BevWarp.backward(inputs, warpedGradient, asked);
          });
    }

    private TensorView warpedPart(TensorView all) {
      long first = all.byteSize() / (shape.frames() + 1);
      return TensorView.of(all.segment().asSlice(first), dtype, shape.mapShape());
    }

    private WarpPositions where(TensorView positions) {
      return new WarpPositions(positions, kind.grid, NORMALIZED_CORNERS, interpolation);
    }

    private Tensor withBevel(Tensor[] in) {
      BevWarpFunction function = new BevWarpFunction(NORMALIZED_CORNERS, interpolation);
      return laidOut(
          in, maps -> kind.grid ? function.sample(maps, in[1]) : function.warp(maps, in[1]));
    }

    private Tensor composed(Tensor[] in) {
      return laidOut(
          in,
          maps -> {
            Tensor grid =
                kind.grid ? in[1] : torch.affine_grid_generator(in[1], maps.shape(), true);
            return torch.grid_sampler_2d(maps, grid, kind.nearest ? 1 : 0, 0, true);
          });
    }

    /** Maps in the order that tensors have it; what is computed, in the case's. */
    private Tensor laidOut(Tensor[] in, Function<Tensor, Tensor> warp) {
      if (kind.channelsLast) {
        return warp.apply(in[0].permute(0, 3, 1, 2)).permute(0, 2, 3, 1);
      }
      Tensor warped = warp.apply(in[0]);
      return kind.concat ? torch.cat(new TensorVector(in[2], warped), 0) : warped;
    }
  }
}
