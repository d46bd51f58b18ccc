package dev.bevel.kernels;

import dev.bevel.kernels.internal.Abi;
import dev.bevel.kernels.internal.LiftSplatParams;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.NativeMemory;
import dev.bevel.kernels.internal.Scratch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which points of the camera frustums fall in which cell of the grid: built once per calibration,
 * or once per step where the augmentation changes, and used by every {@link LiftSplat} call of that
 * calibration.
 *
 * <p>A plan on the CPU ({@link #build(LiftSplatGeometry)}) owns its memory. A plan on CUDA ({@link
 * #buildOn}) stands in memory of the caller. Plans may be built on and used from any thread, by any
 * number of calls at a time. A closed plan throws {@link IllegalStateException}; closing one that
 * calls on other threads are using returns at once, and the last of them frees it.
 *
 * <p>A plan on the CPU whose cameras see nothing of the grid is legal, and told by a warning in the
 * log ({@code dev.bevel.kernels}): every map of it is zero. For one on CUDA ask {@link #info}.
 */
public final class LiftSplatPlan implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.kernels");
  private static final LiftSplatParams.Plan PARAMS = LiftSplatParams.PLAN;
  private static final LiftSplatParams.PlanInfo INFO = LiftSplatParams.PLAN_INFO;

  private final SharedResource life = new SharedResource("LiftSplatPlan: the plan", this::free);
  private final TensorView memory;
  private final Dimensions dimensions;
  private final long maxPoints;
  private final @Nullable Arena arena;
  private final MemorySegment info;
  private volatile boolean infoKnown;

  private LiftSplatPlan(
      TensorView memory, LiftSplatGeometry geometry, long maxPoints, @Nullable Arena arena) {
    this.memory = memory.ownedBy(life).asReadOnly();
    this.dimensions = Dimensions.of(geometry);
    this.maxPoints = maxPoints;
    this.arena = arena;
    this.info = (arena == null ? Arena.ofAuto() : arena).allocate(INFO.layout());
    info.set(ValueLayout.JAVA_LONG, INFO.structSize.offset(), INFO.byteSize());
  }

  /**
   * Memory that {@link #buildOn} needs.
   *
   * @param planElements int32 elements of the plan
   * @param workspaceBytes bytes of the workspace for building it
   */
  public record Size(long planElements, long workspaceBytes) {}

  /** The sizes of the geometry, which outlive its matrices. */
  record Dimensions(
      long batch, long cameras, long depthBins, long height, long width, BevGrid grid) {
    static Dimensions of(LiftSplatGeometry geometry) {
      return new Dimensions(
          geometry.batch(),
          geometry.cameras(),
          geometry.depthBins(),
          geometry.height(),
          geometry.width(),
          geometry.grid());
    }
  }

  /**
   * Builds a plan on the CPU, with the method chosen by the length of the runs.
   *
   * @param geometry the lift, its tensors on the CPU
   */
  public static LiftSplatPlan build(LiftSplatGeometry geometry) {
    return build(geometry, PoolingMethod.AUTO);
  }

  /**
   * Builds a plan on the CPU.
   *
   * @param geometry the lift, its tensors on the CPU
   * @param method how to pool
   */
  public static LiftSplatPlan build(LiftSplatGeometry geometry, PoolingMethod method) {
    return build(geometry, method, 0);
  }

  /**
   * Builds a plan on the CPU.
   *
   * @param geometry the lift, its tensors on the CPU
   * @param method how to pool
   * @param threads of this call, 1 to 4096; 0: {@link Bevel#threads()}
   */
  public static LiftSplatPlan build(LiftSplatGeometry geometry, PoolingMethod method, int threads) {
    CallSettings.requireThreads(LiftSplatPlan.class, "threads", threads, 0);
    Size size = size(geometry, method, 0, Device.Type.CPU);
    Arena arena = Arena.ofShared();
    boolean built = false;
    try (Arena temporary = Arena.ofConfined()) {
      TensorView memory =
          TensorView.of(
              NativeMemory.allocate(
                  arena, Math.multiplyExact(size.planElements, 4), PARAMS.operator()),
              DType.INT32,
              size.planElements);
      TensorView scratchMemory =
          TensorView.of(
              NativeMemory.allocate(temporary, size.workspaceBytes, PARAMS.operator()),
              DType.UINT8,
              size.workspaceBytes);
      LiftSplatPlan plan = new LiftSplatPlan(memory, geometry, 0, arena);
      plan.build(memory, geometry, method, scratchMemory, 0, threads);
      plan.readInfo(0);
      plan.warnIfBlind();
      built = true;
      return plan;
    } finally {
      if (!built) {
        arena.close();
      }
    }
  }

  /**
   * Builds a plan in memory of the caller; its device decides where. On CUDA the work is only
   * enqueued.
   *
   * @param memory compact {@link DType#INT32} of {@link Size#planElements} or more, kept by the
   *     caller while the plan is used
   * @param workspace compact {@link DType#UINT8} of {@link Size#workspaceBytes} or more on the same
   *     device, aligned to 64 bytes; needed until the build is over
   * @param geometry the lift, its tensors on the same device
   * @param method how to pool
   * @param maxPoints capacity in kept points, as passed to {@link #size}; 0: all points, which
   *     never overflows
   * @param stream a {@code cudaStream_t}; 0 on the CPU
   */
  public static LiftSplatPlan buildOn(
      TensorView memory,
      TensorView workspace,
      LiftSplatGeometry geometry,
      PoolingMethod method,
      long maxPoints,
      long stream) {
    return buildOn(memory, workspace, geometry, method, maxPoints, stream, 0);
  }

  /**
   * Builds a plan in memory of the caller, as above.
   *
   * @param memory compact {@link DType#INT32} of {@link Size#planElements} or more
   * @param workspace compact {@link DType#UINT8} of {@link Size#workspaceBytes} or more on the same
   *     device, aligned to 64 bytes
   * @param geometry the lift, its tensors on the same device
   * @param method how to pool
   * @param maxPoints capacity in kept points; 0: all points
   * @param stream a {@code cudaStream_t}; 0 on the CPU
   * @param threads of this call on the CPU, 1 to 4096; 0: {@link Bevel#threads()}
   */
  public static LiftSplatPlan buildOn(
      TensorView memory,
      TensorView workspace,
      LiftSplatGeometry geometry,
      PoolingMethod method,
      long maxPoints,
      long stream,
      int threads) {
    Given.argument(memory, LiftSplatPlan.class, "memory");
    Given.argument(workspace, LiftSplatPlan.class, "workspace");
    Given.argument(geometry, LiftSplatPlan.class, "geometry");
    Given.argument(method, LiftSplatPlan.class, "method");
    CallSettings.requireThreads(LiftSplatPlan.class, "threads", threads, 0);
    LiftSplatPlan plan = new LiftSplatPlan(memory, geometry, maxPoints, null);
    plan.build(memory, geometry, method, workspace, stream, threads);
    if (!memory.device().isCuda()) {
      plan.readInfo(0);
      plan.warnIfBlind();
    }
    return plan;
  }

  /**
   * The memory that a plan needs.
   *
   * @param geometry the lift
   * @param method how to pool
   * @param maxPoints capacity in kept points; 0: all points
   * @param device kind of memory the plan will stand in
   */
  public static Size size(
      LiftSplatGeometry geometry, PoolingMethod method, long maxPoints, Device.Type device) {
    Given.argument(geometry, LiftSplatPlan.class, "geometry");
    Given.argument(method, LiftSplatPlan.class, "method");
    Given.argument(device, LiftSplatPlan.class, "device");
    try (Scratch call = PARAMS.begin(CallSettings.DEFAULT)) {
      write(call, geometry, method, maxPoints);
      long sizes = call.longs(2);
      Abi.planSize(call, device.value(), sizes, sizes + Long.BYTES);
      return new Size(call.getLong(sizes), call.getLong(sizes + Long.BYTES));
    }
  }

  /**
   * The plan's counts. For a plan on CUDA whose counts were not read yet this waits for the default
   * stream.
   */
  public LiftSplatPlanInfo info() {
    return info(0);
  }

  /**
   * The plan's counts. For a plan on CUDA whose counts were not read yet this waits for the stream.
   *
   * @param stream the {@code cudaStream_t} that the plan was built on
   */
  public LiftSplatPlanInfo info(long stream) {
    life.use();
    try {
      if (!infoKnown) {
        readInfo(stream);
      }
      return new LiftSplatPlanInfo(
          PoolingMethod.of(info.get(ValueLayout.JAVA_INT, INFO.method.offset())),
          info.get(ValueLayout.JAVA_INT, INFO.overflow.offset()) != 0,
          info.get(ValueLayout.JAVA_LONG, INFO.points.offset()),
          info.get(ValueLayout.JAVA_LONG, INFO.runs.offset()),
          info.get(ValueLayout.JAVA_LONG, INFO.rows.offset()),
          info.get(ValueLayout.JAVA_LONG, INFO.sharedRows.offset()),
          info.get(ValueLayout.JAVA_LONG, INFO.sharedCells.offset()),
          info.get(ValueLayout.JAVA_LONG, INFO.filledCells.offset()));
    } finally {
      life.release();
    }
  }

  /** Where the plan's memory lives. */
  public Device device() {
    return memory.device();
  }

  /** Bytes of the plan's memory, capacity included. */
  public long byteSize() {
    return memory.byteSize();
  }

  /** The grid that the plan pools into. */
  public BevGrid grid() {
    return dimensions.grid;
  }

  /** The plan itself: int32, read-only, the same bits whichever device built it. */
  public TensorView memory() {
    life.requireOpen();
    return memory;
  }

  /** Shape of depth logits and probabilities: [B, N, D, H, W]. */
  public long[] depthShape() {
    return new long[] {
      dimensions.batch,
      dimensions.cameras,
      dimensions.depthBins,
      dimensions.height,
      dimensions.width
    };
  }

  /**
   * Shape of the context: [B, N, C, H, W] or [B, N, H, W, C].
   *
   * @param channels C
   * @param layout order of the context
   */
  public long[] contextShape(long channels, Layout layout) {
    Dimensions d = dimensions;
    return Given.argument(layout, LiftSplatPlan.class, "layout") == Layout.CHANNELS_FIRST
        ? new long[] {d.batch, d.cameras, channels, d.height, d.width}
        : new long[] {d.batch, d.cameras, d.height, d.width, channels};
  }

  /**
   * Shape of the map: [B, Z, C, rows, columns] or [B, Z, rows, columns, C].
   *
   * @param channels C
   * @param layout order of the map
   */
  public long[] outShape(long channels, Layout layout) {
    BevGrid grid = dimensions.grid;
    return Given.argument(layout, LiftSplatPlan.class, "layout") == Layout.CHANNELS_FIRST
        ? new long[] {dimensions.batch, grid.z().cells(), channels, grid.rows(), grid.columns()}
        : new long[] {dimensions.batch, grid.z().cells(), grid.rows(), grid.columns(), channels};
  }

  /**
   * Frees the plan's memory, when no call uses it; a second call does nothing. Memory of the caller
   * is left alone.
   */
  @Override
  public void close() {
    life.close();
  }

  private void free() {
    if (arena != null) {
      NativeMemory.close(arena);
    }
  }

  /** Whether a tensor has the shape of depth; allocates nothing. */
  boolean hasDepthShape(TensorView view) {
    Dimensions d = dimensions;
    return view.rank() == 5
        && view.size(0) == d.batch
        && view.size(1) == d.cameras
        && view.size(2) == d.depthBins
        && view.size(3) == d.height
        && view.size(4) == d.width;
  }

  /** Batch elements. */
  long batch() {
    return dimensions.batch;
  }

  /** Capacity in kept points that the plan was built with; 0: all points. */
  long maxPoints() {
    return maxPoints;
  }

  /** Address of the counts as the C ABI wants them, or 0 while they are unknown. */
  long infoAddress() {
    return infoKnown ? info.address() : 0;
  }

  private void build(
      TensorView writable,
      LiftSplatGeometry geometry,
      PoolingMethod method,
      TensorView buildWorkspace,
      long stream,
      int threads) {
    CallSettings settings = CallSettings.DEFAULT.withThreads(threads);
    try (Scratch call = PARAMS.begin(settings)) {
      write(call, geometry, method, maxPoints);
      PARAMS.plan.set(call, writable);
      PARAMS.workspace().set(call, buildWorkspace);
      Native.BUILD.call(call, stream);
    }
  }

  private synchronized void readInfo(long stream) {
    if (infoKnown) {
      return;
    }
    Abi.planReadInfo(memory, info, stream);
    infoKnown = true;
  }

  /** Legal, and almost always a mistake: every map will be zero, and nothing learns from it. */
  private void warnIfBlind() {
    boolean any = Arrays.stream(depthShape()).allMatch(size -> size > 0);
    if (any && info().points() == 0) {
      LOG.warn(
          "LiftSplatPlan: none of the cameras' points {} falls in the grid {}, so that every map"
              + " will be zero; look at intrinsics (pixels of the raw image), cameraToBev (camera"
              + " frame to BEV frame, metres), the depths and the grid's ends",
          Arrays.toString(depthShape()),
          dimensions.grid);
    }
  }

  private static void write(
      Scratch call, LiftSplatGeometry geometry, PoolingMethod method, long maxPoints) {
    PARAMS.geometry.write(call, geometry);
    PARAMS.method.set(call, method.value());
    PARAMS.maxPoints.set(call, maxPoints);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction BUILD = PARAMS.function();
  }

  /** The sizes of what it lifts, its grid and its device. */
  @Override
  public String toString() {
    Dimensions d = dimensions;
    return Described.as(
        LiftSplatPlan.class,
        "depth",
        Arrays.toString(depthShape()),
        "grid",
        d.grid,
        "device",
        device(),
        "maxPoints",
        maxPoints == 0 ? null : maxPoints,
        "closed",
        life.isClosed() ? true : null);
  }
}
