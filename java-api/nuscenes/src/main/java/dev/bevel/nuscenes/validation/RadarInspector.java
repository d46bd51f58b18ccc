package dev.bevel.nuscenes.validation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringTokenizer;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Is a file a radar sweep as nuScenes has them? PCD 0.7, binary, one row, the 18 fields in their
 * order, finite numbers; a file whose first return is not a number has none. What follows the
 * points, up to 4,096 bytes, is of no concern.
 */
final class RadarInspector {
  private static final String FIELDS =
      "x y z dyn_prop id rcs vx vy vx_comp vy_comp is_quality_valid ambig_state x_rms y_rms"
          + " invalid_state pdh0 vx_rms vy_rms";
  private static final int COLUMNS = 18;
  private static final int MAX_HEADER = 4096;
  private static final int MAX_REST = 4096;
  private static final int MAX_RETURNS = 1 << 16;
  private static final long MAX_BYTES =
      MAX_HEADER + (long) MAX_RETURNS * COLUMNS * Double.BYTES + MAX_REST;
  private static final List<String> STORED =
      List.of("F4", "F8", "I1", "I2", "I4", "U1", "U2", "U4");
  private static final List<String> LINES =
      List.of(
          "VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS");

  private RadarInspector() {}

  /** What is wrong with a file; null if nothing is. */
  static FileInspector.@Nullable Fault inspect(Path file) throws IOException {
    byte[] data = FileInspector.read(file, MAX_BYTES);
    Map<String, String> header = new HashMap<>();
    int end = header(data, header);
    if (data.length > MAX_BYTES || end < 0) {
      return new FileInspector.Fault(
          "a radar file with a PCD header of binary data, each line once", "something else");
    }
    String wrong = wrongLine(header);
    if (wrong != null) {
      return new FileInspector.Fault(
          "a PCD header of version 0.7, one row and the 18 radar fields in their order", wrong);
    }
    List<String> columns = columns(header);
    int returns = returns(header);
    if (columns.isEmpty() || returns < 0) {
      return new FileInspector.Fault(
          "18 types and sizes of " + STORED + ", and up to " + MAX_RETURNS + " returns",
          header.get("TYPE") + ", " + header.get("SIZE") + ", " + header.get("WIDTH"));
    }
    int bytes = columns.stream().mapToInt(column -> column.charAt(1) - '0').sum();
    int left = data.length - end;
    if (left < returns * bytes || left > returns * bytes + MAX_REST) {
      return new FileInspector.Fault(
          String.format(Locale.ROOT, "%d returns of %d bytes after the header", returns, bytes),
          left + " bytes");
    }
    return numbers(ByteBuffer.wrap(data).position(end), columns, returns);
  }

  /**
   * The byte after the header.
   *
   * @param header filled with what follows each line's name
   * @return −1 if it is none
   */
  private static int header(byte[] data, Map<String, String> header) {
    int start = 0;
    for (int i = 0; i < Math.min(data.length, MAX_HEADER + 1); i++) {
      if (data[i] != '\n') {
        continue;
      }
      String line = new String(data, start, i - start, StandardCharsets.ISO_8859_1);
      start = i + 1;
      StringTokenizer words = new StringTokenizer(line, " \t\r");
      String name = words.hasMoreTokens() ? words.nextToken() : "#";
      String rest = rest(words);
      if (name.equals("DATA")) {
        return rest.equals("binary") ? start : -1;
      }
      boolean isKnown = name.startsWith("#") || LINES.contains(name);
      if (!isKnown || (!name.startsWith("#") && header.put(name, rest) != null)) {
        return -1;
      }
    }
    return -1;
  }

  private static String rest(StringTokenizer words) {
    List<String> list = new ArrayList<>();
    while (words.hasMoreTokens()) {
      list.add(words.nextToken());
    }
    return String.join(" ", list);
  }

  private static @Nullable String wrongLine(Map<String, String> header) {
    Map<String, String> wanted =
        new TreeMap<>(
            Map.of("FIELDS", FIELDS, "HEIGHT", "1", "COUNT", "1 ".repeat(COLUMNS).strip()));
    for (Map.Entry<String, String> line : wanted.entrySet()) {
      if (!line.getValue().equals(header.get(line.getKey()))) {
        return line.getKey() + " " + header.get(line.getKey());
      }
    }
    String version = header.getOrDefault("VERSION", "none");
    return version.equals("0.7") || version.equals(".7") ? null : "VERSION " + version;
  }

  private static List<String> columns(Map<String, String> header) {
    String[] types = header.getOrDefault("TYPE", "").split(" ", -1);
    String[] sizes = header.getOrDefault("SIZE", "").split(" ", -1);
    List<String> columns = new ArrayList<>();
    for (int i = 0; i < COLUMNS && types.length == COLUMNS && sizes.length == COLUMNS; i++) {
      columns.add(types[i] + sizes[i]);
    }
    return STORED.containsAll(columns) ? columns : List.of();
  }

  private static int returns(Map<String, String> header) {
    String width = header.getOrDefault("WIDTH", "");
    if (!width.matches("[0-9]{1,6}") || !width.equals(header.get("POINTS"))) {
      return -1;
    }
    int returns = Integer.parseInt(width);
    return returns <= MAX_RETURNS ? returns : -1;
  }

  private static FileInspector.@Nullable Fault numbers(
      ByteBuffer data, List<String> columns, int returns) {
    data.order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < returns; i++) {
      for (String column : columns) {
        float value = number(data, column);
        if (Float.isNaN(value) && i == 0) {
          return null;
        }
        if (!Float.isFinite(value)) {
          return new FileInspector.Fault(
              "a radar file of finite numbers", value + " of return " + i);
        }
      }
    }
    return null;
  }

  /** Whole numbers are finite whatever they are. */
  private static float number(ByteBuffer data, String column) {
    if (column.equals("F4")) {
      return data.getFloat();
    }
    if (column.equals("F8")) {
      return (float) data.getDouble();
    }
    data.position(data.position() + column.charAt(1) - '0');
    return 0;
  }
}
