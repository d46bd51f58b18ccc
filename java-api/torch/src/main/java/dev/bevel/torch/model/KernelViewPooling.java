package dev.bevel.torch.model;

import dev.bevel.kernels.Device;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.PoolingMethod;
import dev.bevel.kernels.SharedResource;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.CudaStreams;
import dev.bevel.torch.TensorHold;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import dev.bevel.torch.autograd.LiftSplatFunction;
import dev.bevel.torch.autograd.LiftSplatOptions;
import dev.bevel.torch.nn.Scopes;
import dev.bevel.torch.nn.Tensors;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The splat by Bevel's kernels. Plans are kept for the calibrations seen last, so a fixed camera
 * rig is planned once and an augmentation that changes every step is planned every step, on the
 * device of the context. Several threads may pool at once.
 */
public final class KernelViewPooling implements ViewPooling {
  private static final int CACHED_PLANS = 8;

  private final FrustumSpec spec;
  private final Map<Long, Integer> corrections;
  private final LiftSplatOptions options;
  private final LinkedHashMap<Key, Entry> plans = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  /**
   * Whose plan it is. On CUDA it is complete only for work that follows it in its stream.
   *
   * @param stream LibTorch's when it was built; 0 on the CPU
   */
  private record Key(Calibration calibration, Device device, long stream) {
    static Key of(Calibration calibration, Tensor like) {
      return new Key(calibration, TensorViews.device(like), CudaStreams.current(like));
    }
  }

  /**
   * A plan in a tensor's memory, which ends when it is neither kept nor used: a use lasts as long
   * as the scope that it was pooled in, for a backward pass that is still to come needs the plan
   * too.
   */
  private record Entry(LiftSplatPlan plan, SharedResource life) {
    static Entry of(LiftSplatPlan plan, Tensor memory) {
      Scopes.own(memory);
      return new Entry(
          plan,
          new SharedResource(
              "KernelViewPooling: the plan",
              () -> {
                plan.close();
                memory.close();
              }));
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
        new LiftSplatFunction(plan(calibration, context), options).lift(depthLogits, context);
    return new Pooled(result.map(), Objects.requireNonNull(result.probabilities()));
  }

  private LiftSplatPlan plan(Calibration calibration, Tensor context) {
    TensorScope scope = TensorScope.require("KernelViewPooling");
    Entry entry = use(calibration, context);
    scope.own(entry.life::release);
    return entry.plan;
  }

  private synchronized Entry use(Calibration calibration, Tensor context) {
    if (closed) {
      throw new IllegalStateException("KernelViewPooling: the pooling is closed");
    }
    Key key = Key.of(calibration, context);
    Entry entry = plans.get(key);
    if (entry == null) {
      entry = build(calibration, context, key.stream);
      plans.put(key, entry);
      if (plans.size() > CACHED_PLANS) {
        Key eldest = plans.keySet().iterator().next();
        Objects.requireNonNull(plans.remove(eldest)).life.close();
      }
    }
    entry.life.use();
    return entry;
  }

  /** A plan on the device of a tensor, in memory of LibTorch's. */
  private Entry build(Calibration calibration, Tensor like, long stream) {
    try (TensorScope inner = TensorScope.open()) {
      LiftSplatGeometry geometry =
          corrections.isEmpty()
              ? geometry(calibration, like)
              : sizes(calibration)
                  .cells(view(correctedCells(calibration).to(like.device(), ScalarType.Int)))
                  .build();
      LiftSplatPlan.Size size =
          LiftSplatPlan.size(geometry, PoolingMethod.AUTO, 0, TensorViews.device(like).type());
      Tensor memory = empty(size.planElements(), like, ScalarType.Int);
      Tensor workspace = empty(size.workspaceBytes(), like, ScalarType.Byte);
      LiftSplatPlan plan =
          LiftSplatPlan.buildOn(
              view(memory), view(workspace), geometry, PoolingMethod.AUTO, 0, stream);
      return Entry.of(plan, memory);
    }
  }

  private LiftSplatGeometry geometry(Calibration calibration, Tensor like) {
    long batch = calibration.batch();
    long cameras = calibration.cameras();
    return sizes(calibration)
        .intrinsics(matrices(calibration.intrinsics(), like, batch, cameras, 3, 3))
        .cameraToBev(matrices(calibration.cameraToBev(), like, batch, cameras, 4, 4))
        .imageAugmentation(matrices(calibration.imageAugmentation(), like, batch, cameras, 4, 4))
        .bevAugmentation(matrices(calibration.bevAugmentation(), like, batch, 4, 4))
        .build();
  }

  /** The cells that the kernels compute, but for those that are given: int32, on the CPU. */
  private Tensor correctedCells(Calibration calibration) {
    long[] shape = {
      calibration.batch(), calibration.cameras(), spec.depthBins(), spec.height(), spec.width()
    };
    Tensor onHost = torch.zeros(shape).to(ScalarType.Int);
    long points = onHost.numel();
    LiftSplat.cells(geometry(calibration, onHost), view(onHost));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = Tensors.memory(onHost, arena);
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
    }
    return onHost;
  }

  private static TensorView matrices(double[] values, Tensor like, long... shape) {
    return view(Tensors.of(values, shape).to(like.device(), ScalarType.Double));
  }

  private static TensorView view(Tensor tensor) {
    return TensorViews.of(tensor);
  }

  private static Tensor empty(long elements, Tensor like, ScalarType dtype) {
    return torch.empty(
        new long[] {elements},
        like.options().dtype(new ScalarTypeOptional(dtype)),
        new MemoryFormatOptional());
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
