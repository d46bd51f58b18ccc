package dev.bevel.nuscenes;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Strict reading of nuScenes radar files: Point Cloud Data, version 0.7. A header of text lines
 * names the fields with their sizes in bytes, types ({@code F} float, {@code I} signed, {@code U}
 * unsigned) and counts, the number of points, and {@code DATA binary}; right after that line the
 * points follow one by one, little-endian and without gaps. The 18 fields must be those of {@link
 * RadarField} in that order, once each; their sizes and types are the header's. All lines but
 * {@code VIEWPOINT} must be there, none twice. Real files hold a few bytes after the last point,
 * which are passed over.
 */
final class RadarFile {
  private static final int MAX_HEADER_BYTES = 4096;
  private static final int MAX_TRAILING_BYTES = 4096;
  private static final int MAX_POINT_BYTES = 8 * RadarField.COUNT;
  private static final Set<String> KEYS =
      Set.of(
          "VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS");
  private static final String NAMES =
      Stream.of(RadarField.values()).map(RadarField::pcdName).collect(Collectors.joining(" "));

  private final Path file;
  private final byte[] bytes;
  private final Map<String, List<String>> header = new HashMap<>();
  private int at;

  private RadarFile(Path file, byte[] bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /** All returns, 18 floats each. */
  static float[] read(Path file) {
    long maxBytes =
        MAX_HEADER_BYTES + (long) RadarPoints.MAX_POINTS * MAX_POINT_BYTES + MAX_TRAILING_BYTES;
    RadarFile radar = new RadarFile(file, SensorFiles.readAll(file, "radar file", maxBytes));
    radar.readHeader();
    return radar.readPoints();
  }

  private void readHeader() {
    while (true) {
      String line = line();
      List<String> words =
          Stream.of(line.split("[ \t\r]+", -1)).filter(word -> !word.isEmpty()).toList();
      if (words.isEmpty() || words.getFirst().startsWith("#")) {
        continue;
      }
      String key = words.getFirst();
      List<String> values = words.subList(1, words.size());
      if (key.equals("DATA")) {
        require(values.equals(List.of("binary")), "DATA", "binary", values);
        break;
      }
      if (!KEYS.contains(key)) {
        throw fault(
            String.format(
                Locale.ROOT, "is no PCD file: its header has the line '%s'", shorten(line)));
      }
      if (header.put(key, values) != null) {
        throw fault("is damaged: its header has two lines " + key);
      }
    }
    require(value("VERSION").matches("0?\\.7"), "VERSION", "0.7", List.of(value("VERSION")));
    require(
        values("FIELDS").equals(List.of(NAMES.split(" ", -1))), "FIELDS", NAMES, values("FIELDS"));
    require(
        values("COUNT").equals(Collections.nCopies(RadarField.COUNT, "1")),
        "COUNT",
        String.format(Locale.ROOT, "1 for each of %d fields", RadarField.COUNT),
        values("COUNT"));
    require(value("HEIGHT").equals("1"), "HEIGHT", "1", values("HEIGHT"));
  }

  /** The line that begins here, without its end. */
  private String line() {
    int start = at;
    while (at < bytes.length && bytes[at] != '\n') {
      at++;
      if (at > MAX_HEADER_BYTES) {
        throw fault(
            String.format(
                Locale.ROOT,
                "is no PCD file: no line DATA ends the header in its first %d bytes",
                MAX_HEADER_BYTES));
      }
    }
    if (at == bytes.length) {
      throw fault("is cut off or no PCD file: no line DATA ends its header");
    }
    return new String(bytes, start, at++ - start, StandardCharsets.ISO_8859_1);
  }

  private float[] readPoints() {
    List<Column> columns = columns();
    int pointBytes = columns.stream().mapToInt(Column::bytes).sum();
    int count = count();
    long dataBytes = (long) count * pointBytes;
    int left = bytes.length - at;
    if (left < dataBytes || left > dataBytes + MAX_TRAILING_BYTES) {
      throw fault(
          String.format(
              Locale.ROOT,
              "must hold %d points of %d bytes after its header, which are %d bytes, got %d",
              count,
              pointBytes,
              dataBytes,
              left));
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position(at);
    float[] data = new float[count * RadarField.COUNT];
    for (int i = 0; i < data.length; i++) {
      int point = i / RadarField.COUNT;
      int field = i % RadarField.COUNT;
      data[i] = columns.get(field).read(buffer);
      if (Float.isFinite(data[i])) {
        continue;
      }
      if (point == 0 && Float.isNaN(data[i])) {
        return new float[0];
      }
      throw fault(
          String.format(
              Locale.ROOT,
              "is damaged: point %d has the value %s for %s, expected a finite number",
              point,
              data[i],
              RadarField.ofColumn(field).pcdName()));
    }
    return data;
  }

  private List<Column> columns() {
    List<String> types = values("TYPE");
    List<String> sizes = values("SIZE");
    require(types.size() == RadarField.COUNT, "TYPE", RadarField.COUNT + " types", types);
    require(sizes.size() == RadarField.COUNT, "SIZE", RadarField.COUNT + " sizes", sizes);
    List<Column> columns = new ArrayList<>(RadarField.COUNT);
    for (int i = 0; i < RadarField.COUNT; i++) {
      columns.add(column(RadarField.ofColumn(i), types.get(i) + sizes.get(i)));
    }
    return columns;
  }

  private Column column(RadarField field, String typeAndSize) {
    for (Column column : Column.values()) {
      if (column.name().equals(typeAndSize)) {
        return column;
      }
    }
    throw fault(
        String.format(
            Locale.ROOT,
            "has the type and size %s for field %s, expected one of %s",
            shorten(typeAndSize),
            field.pcdName(),
            List.of(Column.values())));
  }

  private int count() {
    String text = value("WIDTH");
    // Six digits cannot overflow.
    int count = text.matches("[0-9]{1,6}") ? Integer.parseInt(text) : Integer.MAX_VALUE;
    require(
        count <= RadarPoints.MAX_POINTS,
        "WIDTH",
        "a number of points up to " + RadarPoints.MAX_POINTS,
        values("WIDTH"));
    require(value("POINTS").equals(text), "POINTS", "WIDTH's " + text, values("POINTS"));
    return count;
  }

  private String value(String key) {
    List<String> values = values(key);
    require(values.size() == 1, key, "one value", values);
    return values.getFirst();
  }

  private List<String> values(String key) {
    List<String> values = header.get(key);
    if (values == null) {
      throw fault("is damaged or no PCD file: its header has no line " + key);
    }
    return values;
  }

  private void require(boolean holds, String key, String expected, List<String> got) {
    if (!holds) {
      throw fault(
          String.format(
              Locale.ROOT,
              "has the header line '%s', expected %s %s",
              shorten(key + " " + String.join(" ", got)),
              key,
              expected));
    }
  }

  private static String shorten(String text) {
    String printable = text.replaceAll("[^\\x20-\\x7e]", "?");
    return printable.length() > 160 ? printable.substring(0, 160) + "…" : printable;
  }

  private NuScenesException fault(String problem) {
    return new NuScenesException("radar file " + file + " " + problem);
  }

  /** How a field is stored: the header's type and size. */
  private enum Column {
    F4,
    F8,
    I1,
    I2,
    I4,
    U1,
    U2,
    U4;

    int bytes() {
      return name().charAt(1) - '0';
    }

    float read(ByteBuffer buffer) {
      return switch (this) {
        case F4 -> buffer.getFloat();
        case F8 -> (float) buffer.getDouble();
        case I1 -> buffer.get();
        case I2 -> buffer.getShort();
        case I4 -> buffer.getInt();
        case U1 -> Byte.toUnsignedInt(buffer.get());
        case U2 -> Short.toUnsignedInt(buffer.getShort());
        case U4 -> Integer.toUnsignedLong(buffer.getInt());
      };
    }
  }
}
