package dev.bevel.kernels;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A tensor in somebody's memory: where it is, element type, shape, strides and device. Nothing is
 * copied.
 *
 * <p>Over a {@link MemorySegment} or a direct {@link ByteBuffer} the whole tensor is checked to lie
 * inside it, and the segment is held: while a call uses it, closing its arena fails with an {@link
 * IllegalStateException}; after it was closed, a call with the view does. Over a raw address
 * ({@link #ofAddress}) nothing can be checked; name the object that owns the memory with {@link
 * #keeping} so that it is not collected while the view is in use, or with {@link #ownedBy} an owner
 * that knows whether the memory is still there: a call then fails with an {@link
 * IllegalStateException} after it was freed, and keeps it from being freed while it runs.
 *
 * <p>Immutable; the elements are not.
 */
public final class TensorView {
  /** Alignment of {@link #allocate}, in bytes: a cache line, and the widest vector register. */
  static final long ALIGNMENT = 64;

  private final MemorySegment segment;
  private final DType dtype;
  private final Device device;
  private final long[] shape;
  private final long @Nullable [] strides;
  private final @Nullable MemoryOwner owner;
  private final @Nullable Object kept;

  private TensorView(
      MemorySegment segment,
      DType dtype,
      Device device,
      long[] shape,
      long @Nullable [] strides,
      @Nullable MemoryOwner owner,
      @Nullable Object kept) {
    this.segment = segment;
    this.dtype = dtype;
    this.device = device;
    this.shape = shape;
    this.strides = strides;
    this.owner = owner;
    this.kept = kept;
  }

  /**
   * A compact row-major tensor at the start of native host memory.
   *
   * @param segment off-heap memory, aligned to the element size, at least as large as the tensor
   * @param dtype element type
   * @param shape up to 8 sizes, each 0 or more; none for a scalar
   */
  public static TensorView of(MemorySegment segment, DType dtype, long... shape) {
    return inSegment(segment, dtype, copy("shape", shape), null);
  }

  /**
   * A tensor with strides at the start of native host memory.
   *
   * @param segment off-heap memory, aligned to the element size, that holds every element
   * @param dtype element type
   * @param shape up to 8 sizes, each 0 or more
   * @param strides steps in elements, as many as sizes, each 0 or more
   */
  public static TensorView ofStrided(
      MemorySegment segment, DType dtype, long[] shape, long[] strides) {
    return inSegment(segment, dtype, copy("shape", shape), copy("strides", strides));
  }

  /**
   * A compact row-major tensor at a direct buffer's position. The buffer's byte order does not
   * matter: elements are in the machine's order.
   *
   * @param buffer a direct buffer with at least the tensor's bytes remaining
   * @param dtype element type
   * @param shape up to 8 sizes, each 0 or more
   */
  public static TensorView of(ByteBuffer buffer, DType dtype, long... shape) {
    Given.argument(buffer, TensorView.class, "buffer");
    return of(TensorBuffers.segment(buffer, ByteOrder.nativeOrder()), dtype, shape);
  }

  /**
   * A compact row-major {@link DType#FLOAT32} tensor at a direct buffer's position.
   *
   * @param buffer in the machine's byte order, with at least the tensor's elements remaining
   * @param shape up to 8 sizes, each 0 or more
   */
  public static TensorView of(FloatBuffer buffer, long... shape) {
    Given.argument(buffer, TensorView.class, "buffer");
    return of(TensorBuffers.segment(buffer, buffer.order()), DType.FLOAT32, shape);
  }

  /**
   * A compact row-major {@link DType#FLOAT64} tensor at a direct buffer's position.
   *
   * @param buffer in the machine's byte order, with at least the tensor's elements remaining
   * @param shape up to 8 sizes, each 0 or more
   */
  public static TensorView of(DoubleBuffer buffer, long... shape) {
    Given.argument(buffer, TensorView.class, "buffer");
    return of(TensorBuffers.segment(buffer, buffer.order()), DType.FLOAT64, shape);
  }

  /**
   * A compact row-major {@link DType#INT32} tensor at a direct buffer's position.
   *
   * @param buffer in the machine's byte order, with at least the tensor's elements remaining
   * @param shape up to 8 sizes, each 0 or more
   */
  public static TensorView of(IntBuffer buffer, long... shape) {
    Given.argument(buffer, TensorView.class, "buffer");
    return of(TensorBuffers.segment(buffer, buffer.order()), DType.INT32, shape);
  }

  /**
   * A compact row-major {@link DType#INT64} tensor at a direct buffer's position.
   *
   * @param buffer in the machine's byte order, with at least the tensor's elements remaining
   * @param shape up to 8 sizes, each 0 or more
   */
  public static TensorView of(LongBuffer buffer, long... shape) {
    Given.argument(buffer, TensorView.class, "buffer");
    return of(TensorBuffers.segment(buffer, buffer.order()), DType.INT64, shape);
  }

  /**
   * A compact row-major tensor of 16-bit elements at a direct buffer's position.
   *
   * @param buffer in the machine's byte order, with at least the tensor's elements remaining
   * @param dtype {@link DType#FLOAT16} or {@link DType#BFLOAT16}
   * @param shape up to 8 sizes, each 0 or more
   */
  public static TensorView of(ShortBuffer buffer, DType dtype, long... shape) {
    Given.argument(buffer, TensorView.class, "buffer");
    MemorySegment segment = TensorBuffers.segment(buffer, buffer.order());
    TensorView view = of(segment, dtype, shape);
    if (dtype.bits() != Short.SIZE) {
      throw TensorExtent.invalid("a ShortBuffer holds FLOAT16 or BFLOAT16, not " + dtype);
    }
    return view;
  }

  /**
   * A compact row-major tensor at a raw address of any device. Whoever calls vouches for the memory
   * behind it.
   *
   * @param address of the first element; 0 only for a tensor without elements
   * @param dtype element type
   * @param device where the memory lives
   * @param shape up to 8 sizes, each 0 or more
   */
  public static TensorView ofAddress(long address, DType dtype, Device device, long... shape) {
    return atAddress(address, dtype, device, copy("shape", shape), null);
  }

  /**
   * A tensor with strides at a raw address of any device. Whoever calls vouches for the memory
   * behind it.
   *
   * @param address of the element with all indices 0
   * @param dtype element type
   * @param device where the memory lives
   * @param shape up to 8 sizes, each 0 or more
   * @param strides steps in elements, as many as sizes, each 0 or more
   */
  public static TensorView ofAddressStrided(
      long address, DType dtype, Device device, long[] shape, long[] strides) {
    return atAddress(address, dtype, device, copy("shape", shape), copy("strides", strides));
  }

  /**
   * A new zero-filled compact tensor on the CPU, aligned to 64 bytes.
   *
   * @param arena owns the memory
   * @param dtype element type
   * @param shape up to 8 sizes, each 0 or more
   */
  public static TensorView allocate(Arena arena, DType dtype, long... shape) {
    Given.argument(arena, TensorView.class, "arena");
    long bytes = Math.max(1, TensorExtent.byteSize(dtype, copy("shape", shape)));
    return of(TensorMemory.allocate(arena, bytes, dtype, shape), dtype, shape);
  }

  /**
   * A new compact {@link DType#FLOAT32} tensor on the CPU with these elements.
   *
   * @param arena owns the memory
   * @param values elements in row-major order, as many as the shape has
   * @param shape up to 8 sizes
   */
  public static TensorView copyOf(Arena arena, float[] values, long... shape) {
    Given.argument(values, TensorView.class, "values");
    TensorView view = allocateFor(arena, DType.FLOAT32, values.length, shape);
    MemorySegment.copy(values, 0, view.segment, ValueLayout.JAVA_FLOAT, 0, values.length);
    return view;
  }

  /**
   * A new compact {@link DType#FLOAT64} tensor on the CPU with these elements.
   *
   * @param arena owns the memory
   * @param values elements in row-major order, as many as the shape has
   * @param shape up to 8 sizes
   */
  public static TensorView copyOf(Arena arena, double[] values, long... shape) {
    Given.argument(values, TensorView.class, "values");
    TensorView view = allocateFor(arena, DType.FLOAT64, values.length, shape);
    MemorySegment.copy(values, 0, view.segment, ValueLayout.JAVA_DOUBLE, 0, values.length);
    return view;
  }

  /**
   * A new compact {@link DType#INT32} tensor on the CPU with these elements.
   *
   * @param arena owns the memory
   * @param values elements in row-major order, as many as the shape has
   * @param shape up to 8 sizes
   */
  public static TensorView copyOf(Arena arena, int[] values, long... shape) {
    Given.argument(values, TensorView.class, "values");
    TensorView view = allocateFor(arena, DType.INT32, values.length, shape);
    MemorySegment.copy(values, 0, view.segment, ValueLayout.JAVA_INT, 0, values.length);
    return view;
  }

  /**
   * This view, holding a reference to the object that owns its memory for as long as the view
   * lives.
   *
   * @param memoryHolder the object whose collection would free the memory
   */
  public TensorView keeping(Object memoryHolder) {
    return new TensorView(
        segment,
        dtype,
        device,
        shape,
        strides,
        owner,
        Given.argument(memoryHolder, TensorView.class, "memoryHolder"));
  }

  /**
   * This view, each use of which asks the memory's owner first; if it has an owner already, both.
   *
   * @param memoryOwner knows whether the memory is there, and keeps it during a use
   */
  public TensorView ownedBy(MemoryOwner memoryOwner) {
    Given.argument(memoryOwner, TensorView.class, "memoryOwner");
    MemoryOwner all = owner == null ? memoryOwner : new BothOwners(owner, memoryOwner);
    return new TensorView(segment, dtype, device, shape, strides, all, kept);
  }

  /** The same elements, which no call may write. */
  public TensorView asReadOnly() {
    return new TensorView(segment.asReadOnly(), dtype, device, shape, strides, owner, kept);
  }

  /**
   * The same elements under another shape.
   *
   * @param newShape sizes with the same product; this view must be compact
   */
  public TensorView reshape(long... newShape) {
    long[] copy = copy("newShape", newShape);
    if (!isCompact() || TensorExtent.elementCount(copy) != elementCount()) {
      throw TensorExtent.invalid(
          String.format(Locale.ROOT, "%s cannot be seen as %s", this, Arrays.toString(newShape)));
    }
    return new TensorView(segment, dtype, device, copy, null, owner, kept);
  }

  /** Element type. */
  public DType dtype() {
    return dtype;
  }

  /** Where the memory lives. */
  public Device device() {
    return device;
  }

  /** Number of dimensions. */
  public int rank() {
    return shape.length;
  }

  /** A copy of the sizes. */
  public long[] shape() {
    return shape.clone();
  }

  /**
   * One size.
   *
   * @param dimension 0 ≤ dimension &lt; rank
   */
  public long size(int dimension) {
    return shape[Objects.checkIndex(dimension, shape.length)];
  }

  /**
   * One stride, in elements.
   *
   * @param dimension 0 ≤ dimension &lt; rank
   */
  public long stride(int dimension) {
    Objects.checkIndex(dimension, shape.length);
    if (strides != null) {
      return strides[dimension];
    }
    long stride = 1;
    for (int i = shape.length - 1; i > dimension; i--) {
      stride *= Math.max(1, shape[i]);
    }
    return stride;
  }

  /** Whether strides were given; without, the tensor is row-major and compact. */
  public boolean isStrided() {
    return strides != null;
  }

  /** True if the elements lie in row-major order without gaps. */
  public boolean isCompact() {
    if (strides == null) {
      return true;
    }
    long expected = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      if (shape[i] != 1 && strides[i] != expected) {
        return elementCount() == 0;
      }
      expected *= shape[i];
    }
    return true;
  }

  /** Number of elements. */
  public long elementCount() {
    return TensorExtent.elementCount(shape);
  }

  /** Bytes of the elements, gaps not counted. */
  public long byteSize() {
    return TensorExtent.byteSize(dtype, shape);
  }

  /** Address of the element with all indices 0, on the tensor's device. */
  public long address() {
    return segment.address();
  }

  /** The memory behind the view. Its size is 0 where the view was made from a raw address. */
  public MemorySegment segment() {
    return segment;
  }

  /** The elements of a compact {@link DType#FLOAT32} tensor on the CPU, in row-major order. */
  public float[] toFloatArray() {
    return read(DType.FLOAT32, memory -> memory.toArray(JAVA_FLOAT_UNALIGNED));
  }

  /** The elements of a compact {@link DType#FLOAT64} tensor on the CPU, in row-major order. */
  public double[] toDoubleArray() {
    return read(DType.FLOAT64, memory -> memory.toArray(JAVA_DOUBLE_UNALIGNED));
  }

  /** The elements of a compact {@link DType#INT32} tensor on the CPU, in row-major order. */
  public int[] toIntArray() {
    return read(DType.INT32, memory -> memory.toArray(JAVA_INT_UNALIGNED));
  }

  /**
   * The elements of a compact {@link DType#FLOAT32} tensor on the CPU: not copied, in the machine's
   * byte order, read-only where the view is. After the memory's arena was closed, uses of the
   * buffer fail with an {@link IllegalStateException}. A view of a raw address, whose memory such a
   * buffer could not see freed, has none.
   */
  public FloatBuffer asFloatBuffer() {
    return TensorBuffers.bytes(this, DType.FLOAT32).asFloatBuffer();
  }

  /** As {@link #asFloatBuffer}, of a {@link DType#FLOAT64} tensor. */
  public DoubleBuffer asDoubleBuffer() {
    return TensorBuffers.bytes(this, DType.FLOAT64).asDoubleBuffer();
  }

  /** As {@link #asFloatBuffer}, of an {@link DType#INT32} tensor. */
  public IntBuffer asIntBuffer() {
    return TensorBuffers.bytes(this, DType.INT32).asIntBuffer();
  }

  /** As {@link #asFloatBuffer}, of an {@link DType#INT64} tensor. */
  public LongBuffer asLongBuffer() {
    return TensorBuffers.bytes(this, DType.INT64).asLongBuffer();
  }

  /** As {@link #asFloatBuffer}: the bits of a {@link DType#FLOAT16} or BFLOAT16 tensor. */
  public ShortBuffer asShortBuffer() {
    return TensorBuffers.bytes(this, DType.FLOAT16, DType.BFLOAT16).asShortBuffer();
  }

  /** As {@link #asFloatBuffer}, of a {@link DType#UINT8} or {@link DType#BOOL} tensor. */
  public ByteBuffer asByteBuffer() {
    return TensorBuffers.bytes(this, DType.UINT8, DType.BOOL);
  }

  /** Type, shape and device, for example {@code float32[1, 6, 59, 16, 44] on cpu}. */
  @Override
  public String toString() {
    String place =
        dtype.name().toLowerCase(java.util.Locale.ROOT) + Arrays.toString(shape) + " on " + device;
    return strides == null ? place : place + " with strides " + Arrays.toString(strides);
  }

  /** Who owns the memory ({@link #ownedBy}), or null: the segment, or whoever made the view. */
  public @Nullable MemoryOwner memoryOwner() {
    return owner;
  }

  private <T> T read(DType wanted, Function<MemorySegment, T> reader) {
    if (dtype != wanted || !isCompact() || device.isCuda()) {
      throw TensorExtent.invalid(
          String.format(Locale.ROOT, "%s is not a compact %s tensor on the CPU", this, wanted));
    }
    return TensorMemory.read(this, reader);
  }

  private static TensorView inSegment(
      MemorySegment segment, DType dtype, long[] shape, long @Nullable [] strides) {
    Given.argument(segment, TensorView.class, "segment");
    if (!segment.isNative()) {
      throw TensorExtent.invalid(
          "native memory is needed (Arena.allocate or a direct buffer), got a segment on the Java heap");
    }
    TensorExtent.checkShape(shape, strides);
    long bytes = TensorExtent.bytes(dtype, shape, strides);
    if (bytes > segment.byteSize()) {
      throw TensorExtent.invalid(
          String.format(
              Locale.ROOT,
              "%s%s needs %d bytes, the segment has %d",
              dtype,
              Arrays.toString(shape),
              bytes,
              segment.byteSize()));
    }
    TensorExtent.checkAlignment(segment.address(), dtype);
    return new TensorView(segment, dtype, Device.CPU, shape, strides, null, null);
  }

  private static TensorView atAddress(
      long address, DType dtype, Device device, long[] shape, long @Nullable [] strides) {
    Given.argument(device, TensorView.class, "device");
    TensorExtent.checkShape(shape, strides);
    long bytes = TensorExtent.bytes(dtype, shape, strides);
    if (address == 0 && bytes > 0) {
      throw TensorExtent.invalid(
          String.format(Locale.ROOT, "%s%s at the null address", dtype, Arrays.toString(shape)));
    }
    TensorExtent.checkAlignment(address, dtype);
    return new TensorView(
        MemorySegment.ofAddress(address), dtype, device, shape, strides, null, null);
  }

  private static TensorView allocateFor(Arena arena, DType dtype, int values, long[] shape) {
    if (TensorExtent.elementCount(copy("shape", shape)) != values) {
      throw TensorExtent.invalid(
          String.format(
              Locale.ROOT,
              "the shape %s does not have the %d elements given",
              Arrays.toString(shape),
              values));
    }
    return allocate(arena, dtype, shape);
  }

  private static long[] copy(String name, long[] numbers) {
    return Given.argument(numbers, TensorView.class, name).clone();
  }
}
