package dev.bevel.kernels;

import dev.bevel.kernels.internal.Abi;
import dev.bevel.kernels.internal.GeometryStruct;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.LiftSplatLayouts;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.NativeLibrary;
import dev.bevel.kernels.internal.NativeMemory;
import dev.bevel.kernels.internal.Scratch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * Which points of the camera frustums fall in which cell of the grid: built once per calibration,
 * or once per step where the augmentation changes, and used by every {@link LiftSplat} call of that
 * calibration.
 *
 * <p>A plan on the CPU ({@link #build(LiftSplatGeometry)}) owns its memory and a {@link Workspace}
 * for calls that bring none. A plan on CUDA ({@link #buildOn}) stands in memory of the caller.
 * Plans may be built on and used from any thread; calls that share a workspace, the plan's own
 * included, run one after the other. A closed plan throws {@link IllegalStateException}; closing
 * one that calls on other threads are using returns at once, and the last of them frees it.
 */
public final class LiftSplatPlan implements AutoCloseable {
  private static final String BUILD = "lift_splat_plan_build";
  private static final long METHOD = offset("method");
  private static final long GEOMETRY = offset("geometry");
  private static final long MAX_POINTS = offset("max_points");
  private static final long PLAN = offset("plan");
  private static final long WORKSPACE = offset("workspace");
  private static final long THREADS = offset("threads");

  private final SharedResource life = new SharedResource("LiftSplatPlan: the plan", this::free);
  private final TensorView memory;
  private final Dimensions dimensions;
  private final long maxPoints;
  private final @Nullable Arena arena;
  private final MemorySegment info;
  private final Workspace workspace = Workspace.cpu("LiftSplatPlan: the plan");
  private volatile boolean infoKnown;

  private LiftSplatPlan(
      TensorView memory, LiftSplatGeometry geometry, long maxPoints, @Nullable Arena arena) {
    this.memory = memory.ownedBy(life).asReadOnly();
    this.dimensions = Dimensions.of(geometry);
    this.maxPoints = maxPoints;
    this.arena = arena;
    this.info = (arena == null ? Arena.ofAuto() : arena).allocate(LiftSplatLayouts.PLAN_INFO);
    info.set(ValueLayout.JAVA_LONG, 0, LiftSplatLayouts.PLAN_INFO.byteSize());
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
    Size size = size(geometry, method, 0, Device.Type.CPU);
    Arena arena = Arena.ofShared();
    boolean built = false;
    try (Arena temporary = Arena.ofConfined()) {
      TensorView memory =
          TensorView.of(
              NativeMemory.allocate(arena, Math.multiplyExact(size.planElements, 4), BUILD),
              DType.INT32,
              size.planElements);
      TensorView scratchMemory =
          TensorView.of(
              NativeMemory.allocate(temporary, size.workspaceBytes, BUILD),
              DType.UINT8,
              size.workspaceBytes);
      LiftSplatPlan plan = new LiftSplatPlan(memory, geometry, 0, arena);
      plan.build(memory, geometry, method, scratchMemory, 0, threads);
      plan.readInfo(0);
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
    LiftSplatPlan plan = new LiftSplatPlan(memory, geometry, maxPoints, null);
    plan.build(memory, geometry, method, workspace, stream, threads);
    if (!memory.device().isCuda()) {
      plan.readInfo(0);
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
    try (Scratch scratch = Scratch.begin("lift_splat_plan_size", GeometryStruct.TENSORS)) {
      long params = writeParams(scratch, geometry, method, maxPoints);
      long sizes = scratch.longs(2);
      Abi.planSize(
          scratch.address(params),
          device.value(),
          scratch.address(sizes),
          scratch.address(sizes + 8));
      return new Size(scratch.getLong(sizes), scratch.getLong(sizes + 8));
    } finally {
      Reference.reachabilityFence(geometry);
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
          PoolingMethod.of(infoInt("method")),
          infoInt("overflow") != 0,
          infoLong("points"),
          infoLong("runs"),
          infoLong("rows"),
          infoLong("shared_rows"),
          infoLong("shared_cells"),
          infoLong("filled_cells"));
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
    workspace.close();
    if (arena != null) {
      NativeMemory.close(arena);
    }
  }

  /** The plan's own workspace on the CPU, for calls that bring none. */
  Workspace workspace() {
    life.requireOpen();
    return workspace;
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
    NativeLibrary.require();
    try (Scratch scratch = Scratch.begin(BUILD, Native.BUILD.tensors())) {
      long params = writeParams(scratch, geometry, method, maxPoints);
      scratch.setLong(params + THREADS, threads);
      scratch.setOutput(params + PLAN, "plan", writable);
      scratch.setOutput(params + WORKSPACE, "workspace", buildWorkspace);
      Native.BUILD.call(scratch, scratch.address(params), stream);
    } finally {
      Reference.reachabilityFence(geometry);
      Reference.reachabilityFence(buildWorkspace);
    }
  }

  private synchronized void readInfo(long stream) {
    if (infoKnown) {
      return;
    }
    try (Scratch scratch = Scratch.begin("lift_splat_plan_read_info", 1)) {
      long plan = scratch.inputDescriptor("plan", memory);
      Abi.planReadInfo(scratch, plan, info.address(), stream);
    }
    infoKnown = true;
  }

  private static long writeParams(
      Scratch scratch, LiftSplatGeometry geometry, PoolingMethod method, long maxPoints) {
    long params = scratch.struct(LiftSplatLayouts.PLAN);
    GeometryStruct.write(scratch, params + GEOMETRY, geometry);
    scratch.setInt(params + METHOD, method.value());
    scratch.setLong(params + MAX_POINTS, maxPoints);
    return params;
  }

  private int infoInt(String field) {
    return info.get(ValueLayout.JAVA_INT, Layouts.offset(LiftSplatLayouts.PLAN_INFO, field));
  }

  private long infoLong(String field) {
    return info.get(ValueLayout.JAVA_LONG, Layouts.offset(LiftSplatLayouts.PLAN_INFO, field));
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction BUILD =
        NativeFunction.of("bevel_lift_splat_plan_build", GeometryStruct.TENSORS + 2);
  }

  private static long offset(String field) {
    return Layouts.offset(LiftSplatLayouts.PLAN, field);
  }
}
