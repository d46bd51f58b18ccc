package dev.bevel.torch.model;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.SharedResource;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorHold;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.autograd.LiftSplatFunction;
import dev.bevel.torch.autograd.LiftSplatOptions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;

/**
 * The splat by Bevel's kernels. Plans are kept for the calibrations seen last, so a fixed camera
 * rig is planned once and an augmentation that changes every step is planned every step. Several
 * threads may pool at once.
 */
public final class KernelViewPooling implements ViewPooling {
  private static final int CACHED_PLANS = 8;

  private final FrustumSpec spec;
  private final Map<Long, Integer> corrections;
  private final LiftSplatOptions options;
  private final LinkedHashMap<Calibration, Entry> plans = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  /**
   * A plan, which ends when it is neither kept nor used: a use lasts as long as the scope that it
   * was pooled in, for a backward pass that is still to come needs the plan too.
   */
  private record Entry(LiftSplatPlan plan, SharedResource life) {
    Entry(LiftSplatPlan plan) {
      this(plan, new SharedResource("KernelViewPooling: the plan", plan::close));
    }
  }

  /** Pooling with the cells that the kernels compute. */
  public KernelViewPooling(FrustumSpec spec) {
    this(spec, Map.of());
  }

  private KernelViewPooling(FrustumSpec spec, Map<Long, Integer> corrections) {
    this.spec = spec;
    this.corrections = Map.copyOf(corrections);
    Layout layout = spec.grid().z().cells() == 1 ? Layout.CHANNELS_LAST : Layout.CHANNELS_FIRST;
    options = LiftSplatOptions.DEFAULT.withOutLayout(layout).withReturnProbabilities(true);
  }

  /**
   * Pooling in which some points get a given cell: for comparison with a computation whose rounding
   * put them elsewhere.
   *
   * @param corrections cell (−1 for none) by flat index of the frustum point in [B, N, D, H, W]
   */
  public static KernelViewPooling withCells(FrustumSpec spec, Map<Long, Integer> corrections) {
    return new KernelViewPooling(spec, corrections);
  }

  @Override
  public Pooled pool(Calibration calibration, Tensor depthLogits, Tensor context) {
    TensorHold.require("KernelViewPooling.pool", "depthLogits", depthLogits);
    TensorHold.require("KernelViewPooling.pool", "context", context);
    LiftSplatFunction.Result result =
        new LiftSplatFunction(plan(calibration), options).lift(depthLogits, context);
    return new Pooled(result.map(), Objects.requireNonNull(result.probabilities()));
  }

  private LiftSplatPlan plan(Calibration calibration) {
    TensorScope scope = TensorScope.require("KernelViewPooling");
    Entry entry = use(calibration);
    scope.own(entry.life::release);
    return entry.plan;
  }

  private synchronized Entry use(Calibration calibration) {
    if (closed) {
      throw new IllegalStateException("KernelViewPooling: the pooling is closed");
    }
    Entry entry = plans.get(calibration);
    if (entry == null) {
      entry = new Entry(build(calibration));
      plans.put(calibration, entry);
      if (plans.size() > CACHED_PLANS) {
        Calibration eldest = plans.keySet().iterator().next();
        Objects.requireNonNull(plans.remove(eldest)).life.close();
      }
    }
    entry.life.use();
    return entry;
  }

  private LiftSplatPlan build(Calibration calibration) {
    LiftSplatGeometry geometry =
        sizes(calibration)
            .intrinsics(calibration.intrinsics())
            .cameraToBev(calibration.cameraToBev())
            .imageAugmentation(calibration.imageAugmentation())
            .bevAugmentation(calibration.bevAugmentation())
            .build();
    if (corrections.isEmpty()) {
      return LiftSplatPlan.build(geometry);
    }
    try (Arena arena = Arena.ofConfined()) {
      long[] shape = {
        calibration.batch(), calibration.cameras(), spec.depthBins(), spec.height(), spec.width()
      };
      long points = shape[0] * shape[1] * shape[2] * shape[3] * shape[4];
      MemorySegment memory = arena.allocate(ValueLayout.JAVA_INT, points);
      TensorView cells = TensorView.of(memory, DType.INT32, shape);
      LiftSplat.cells(geometry, cells);
      corrections.forEach(
          (point, cell) -> {
            if (point < 0 || point >= points) {
              throw new IllegalArgumentException(
                  String.format(
                      Locale.ROOT,
                      "KernelViewPooling: a corrected point must be from 0 to %d, got %d",
                      points - 1,
                      point));
            }
            memory.setAtIndex(ValueLayout.JAVA_INT, point, cell);
          });
      return LiftSplatPlan.build(sizes(calibration).cells(cells).build());
    }
  }

  private LiftSplatGeometry.Builder sizes(Calibration calibration) {
    return LiftSplatGeometry.builder()
        .batch(calibration.batch())
        .cameras(calibration.cameras())
        .depth(spec.depthBins(), spec.depthStart(), spec.depthStep())
        .featureSize(spec.height(), spec.width())
        .imageSize(spec.imageHeight(), spec.imageWidth())
        .grid(spec.grid());
  }

  @Override
  public synchronized void close() {
    closed = true;
    plans.values().forEach(entry -> entry.life.close());
    plans.clear();
  }
}
