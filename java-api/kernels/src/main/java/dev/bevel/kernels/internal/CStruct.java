package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A struct of the C ABI, declared once: a subclass names its fields in the order of the header, as
 * initialisers of its own fields. Layout, offsets, number of tensors and the names that messages
 * use follow from that. A test compares all of it with what the C compiler makes of the headers.
 *
 * <p>Pointers are written as 64-bit integers: all platforms of Bevel are 64-bit, and scratch memory
 * then needs no segment per pointer. Offsets count from the beginning of the outermost struct, so a
 * struct within another is an object of its own.
 */
public abstract class CStruct {
  private static final Pattern WORD = Pattern.compile("\\w+");

  private final String name;
  private final long start;
  private final List<MemoryLayout> members = new ArrayList<>();
  private final Map<String, String> javaNames = new HashMap<>();
  private long size;
  private int tensors;

  /**
   * Begins a struct.
   *
   * @param name in the header
   * @param start offset in the outermost struct; 0 for one that is in no other
   */
  CStruct(String name, long start) {
    this.name = name;
    this.start = start;
  }

  /**
   * A field of 32 bits.
   *
   * @param offset in the outermost struct
   */
  public record Int32(long offset) {
    /** Writes it. */
    public void set(Scratch scratch, int value) {
      scratch.setInt(offset, value);
    }
  }

  /**
   * A field of 64 bits.
   *
   * @param offset in the outermost struct
   */
  public record Int64(long offset) {
    /** Writes it. */
    public void set(Scratch scratch, long value) {
      scratch.setLong(offset, value);
    }
  }

  /**
   * A field of a double.
   *
   * @param offset in the outermost struct
   */
  public record Float64(long offset) {
    /** Writes it. */
    public void set(Scratch scratch, double value) {
      scratch.setDouble(offset, value);
    }
  }

  /**
   * An array of numbers.
   *
   * @param offset of the first, in the outermost struct
   * @param length how many
   */
  public record Numbers(long offset, int length) {
    /** Writes an {@code int32_t} of an array of these. */
    public void setInt(Scratch scratch, int index, int value) {
      scratch.setInt(offset + (long) Integer.BYTES * index, value);
    }

    /** Writes an {@code int64_t} of an array of these. */
    public void setLong(Scratch scratch, int index, long value) {
      scratch.setLong(offset + (long) Long.BYTES * index, value);
    }

    /** Writes a double of an array of these. */
    public void setDouble(Scratch scratch, int index, double value) {
      scratch.setDouble(offset + (long) Double.BYTES * index, value);
    }
  }

  /** {@code int32_t}, a number or a choice. */
  final Int32 int32(String cName) {
    return new Int32(add(cName, JAVA_INT));
  }

  /** {@code int64_t}, {@code uint64_t} or a pointer to what is no tensor. */
  final Int64 int64(String cName) {
    return new Int64(add(cName, JAVA_LONG));
  }

  /** {@code double}. */
  final Float64 float64(String cName) {
    return new Float64(add(cName, JAVA_DOUBLE));
  }

  final Numbers int32s(String cName, int length) {
    return new Numbers(add(cName, MemoryLayout.sequenceLayout(length, JAVA_INT)), length);
  }

  final Numbers int64s(String cName, int length) {
    return new Numbers(add(cName, MemoryLayout.sequenceLayout(length, JAVA_LONG)), length);
  }

  final Numbers float64s(String cName, int length) {
    return new Numbers(add(cName, MemoryLayout.sequenceLayout(length, JAVA_DOUBLE)), length);
  }

  /** {@code char[length]}; its offset. */
  final long text(String cName, int length) {
    return add(cName, MemoryLayout.sequenceLayout(length, JAVA_BYTE));
  }

  /** {@code uint8_t}; its offset. */
  final long uint8(String cName) {
    return add(cName, JAVA_BYTE);
  }

  /** {@code uint16_t}; its offset. */
  final long uint16(String cName) {
    return add(cName, JAVA_SHORT);
  }

  /** {@code int32_t reserved}, which stays 0. */
  final void reserved() {
    int32("reserved");
  }

  /** A tensor that the call reads. */
  final TensorField read(String cName) {
    return read(cName, camelCase(cName));
  }

  /** A tensor that the call reads, whose Java name is not that of C. */
  final TensorField read(String cName, String javaName) {
    return tensor(cName, javaName, TensorField.Role.READ);
  }

  /** A mask that the call reads: uint8 in C, in Java {@code BOOL} too. */
  final TensorField readMask(String cName) {
    return tensor(cName, camelCase(cName), TensorField.Role.MASK_READ);
  }

  /** A tensor that the call writes, a gradient among others. */
  final TensorField written(String cName) {
    return tensor(cName, camelCase(cName), TensorField.Role.WRITTEN);
  }

  /** A mask that the call writes: uint8 in C, in Java {@code BOOL} too. */
  final TensorField writtenMask(String cName) {
    return tensor(cName, camelCase(cName), TensorField.Role.MASK_WRITTEN);
  }

  /** An array of tensors that the call reads. */
  final List<TensorField> reads(String cName, int length) {
    return tensors(cName, length, TensorField.Role.READ);
  }

  /** An array of tensors that the call writes. */
  final List<TensorField> writes(String cName, int length) {
    return tensors(cName, length, TensorField.Role.WRITTEN);
  }

  /**
   * A struct within this one.
   *
   * @param of makes it for its offset
   */
  final <S extends CStruct> S struct(String cName, LongFunction<S> of) {
    S inner = of.apply(start + size);
    CStruct struct = inner;
    add(cName, struct.layout());
    tensors += struct.tensors;
    javaNames.putAll(struct.javaNames);
    return inner;
  }

  private TensorField tensor(String cName, String javaName, TensorField.Role role) {
    tensors++;
    long offset = add(cName, JAVA_LONG);
    javaNames.put(cName, javaName);
    return new TensorField(offset, javaName, role);
  }

  private List<TensorField> tensors(String cName, int length, TensorField.Role role) {
    tensors += length;
    long offset = add(cName, MemoryLayout.sequenceLayout(length, JAVA_LONG));
    List<TensorField> fields = new ArrayList<>();
    for (int i = 0; i < length; i++) {
      fields.add(
          new TensorField(offset + (long) Long.BYTES * i, camelCase(cName) + "[" + i + "]", role));
    }
    return List.copyOf(fields);
  }

  private long add(String cName, MemoryLayout layout) {
    long offset = start + size;
    members.add(layout.withName(cName));
    javaNames.put(cName, camelCase(cName));
    size += layout.byteSize();
    return offset;
  }

  private static String camelCase(String cName) {
    StringBuilder text = new StringBuilder();
    for (String word : cName.split("_")) {
      text.append(
          text.isEmpty() ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
    }
    return text.toString();
  }

  /** The fields with their C names; fails where the C compiler would leave a gap. */
  public final StructLayout layout() {
    return MemoryLayout.structLayout(members.toArray(MemoryLayout[]::new)).withName(name);
  }

  /** Bytes. */
  public final long byteSize() {
    return size;
  }

  /** Tensors that it may name, those of structs within it included. */
  public final int tensors() {
    return tensors;
  }

  /** A message of the C library with Java's names of the fields and values in place of C's. */
  final String inJavaNames(String message) {
    // In Java a stream is a number.
    String values =
        message.replace("stream must be NULL", "stream must be 0").replace("NULL", "null");
    Matcher words = WORD.matcher(values);
    return words.replaceAll(word -> javaNames.getOrDefault(word.group(), word.group()));
  }
}
