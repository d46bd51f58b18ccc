package dev.bevel.torch.parity;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.nuscenes.JsonFaults;
import dev.bevel.nuscenes.PathFaults;
import dev.bevel.torch.io.FileKind;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * An upstream detector's run, written down: by which formula every weight and input is made, and
 * statistics and 64 values of each intermediate tensor ("tap"), in float32 and float64.
 */
public final class DetectorFixture {
  private static final long MAX_BYTES = 1L << 28;
  private static final int MAX_DEPTH = 32;
  private static final String FORMULA = "formula 1";

  private static final ObjectMapper MAPPER =
      new ObjectMapper(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private final Path file;
  private final JsonNode root;

  private DetectorFixture(Path file, JsonNode root) {
    this.file = file;
    this.root = root;
  }

  /** Reads a fixture file. */
  public static DetectorFixture read(Path file) throws IOException {
    String fault = PathFaults.asFile(file);
    if (fault != null) {
      throw new FixtureException("fixture file " + file + " " + fault);
    }
    if (Files.size(file) > MAX_BYTES) {
      throw new FixtureException(
          file + ": larger than " + MAX_BYTES + " bytes, not a detector fixture");
    }
    JsonNode root;
    try {
      root = MAPPER.readTree(Files.readAllBytes(file));
    } catch (JacksonException e) {
      throw new FixtureException(file + ": not a detector fixture" + damage(file, e));
    } catch (CharConversionException e) {
      throw new FixtureException(
          file + ": not a detector fixture, its JSON is damaged: " + e.getMessage());
    }
    DetectorFixture fixture = new DetectorFixture(file, root);
    String version = fixture.text("formula", "version");
    if (!version.equals(FORMULA)) {
      throw new FixtureException(
          file + ": formula.version must be '" + FORMULA + "', got '" + version + "'");
    }
    return fixture;
  }

  private static String damage(Path file, JacksonException e) {
    String kind = FileKind.of(file);
    return kind != null && !kind.contains("text")
        ? " (JSON) but " + kind
        : ", its JSON is damaged: "
            + (e instanceof JsonProcessingException text
                ? JsonFaults.words(text)
                : e.getOriginalMessage());
  }

  /** Name of the detector. */
  public String name() {
    return text("name");
  }

  /** The file, for messages. */
  public Path file() {
    return file;
  }

  /** How to make the weights. */
  WeightFormula weights() {
    Map<String, Double> multipliers = new LinkedHashMap<>();
    object("multipliers")
        .forEach((key, node) -> multipliers.put(key, finite(node, "multipliers." + key)));
    Map<String, double[]> tables = new LinkedHashMap<>();
    object("value_tables")
        .forEach((key, node) -> tables.put(key, flatten(node, "value_tables." + key)));
    return new WeightFormula(texts("kept_constants"), texts("embeddings"), multipliers, tables);
  }

  /** Names of tensors of the state dictionary that the fixture happens to mention. */
  List<String> weightNames() {
    List<String> names = new ArrayList<>(texts("kept_constants"));
    names.addAll(texts("embeddings"));
    names.addAll(object("value_tables").keySet());
    names.addAll(object("multipliers").keySet());
    return names;
  }

  /** Whether there is something at this path. */
  boolean has(String... path) {
    return !find(path).isMissingNode();
  }

  /** The numbers of an array, nested to any depth, in row-major order. */
  double[] numbers(String... path) {
    return flatten(node(path), String.join(".", path));
  }

  /** The same, of which there must be {@code count}. */
  double[] numbers(int count, String... path) {
    double[] values = numbers(path);
    if (values.length != count) {
      throw invalid(path, count + " numbers", values.length + " numbers");
    }
    return values;
  }

  /** A list of whole-number rows of {@code width} numbers. */
  List<long[]> rows(int width, String... path) {
    JsonNode node = node(path);
    if (!node.isArray()) {
      throw invalid(path, "a list of rows", node.toString());
    }
    List<long[]> rows = new ArrayList<>();
    for (JsonNode row : node) {
      long[] values = new long[width];
      if (!row.isArray() || row.size() != width) {
        throw invalid(path, "rows of " + width + " whole numbers", row.toString());
      }
      for (int i = 0; i < width; i++) {
        values[i] = wholeNumber(row.get(i), path);
      }
      rows.add(values);
    }
    return rows;
  }

  /** A shape. */
  long[] shape(String... path) {
    JsonNode node = node(path);
    if (!node.isArray()) {
      throw invalid(path, "a shape", node.toString());
    }
    long[] shape = new long[node.size()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = wholeNumber(node.get(i), path);
      if (shape[i] < 0) {
        throw invalid(path, "a shape", node.toString());
      }
    }
    return shape;
  }

  /** A text. */
  String text(String... path) {
    JsonNode node = node(path);
    if (!node.isTextual()) {
      throw invalid(path, "a text", node.toString());
    }
    return node.textValue();
  }

  /** A number. */
  double number(String... path) {
    return finite(node(path), String.join(".", path));
  }

  /** Names of the taps, in order; at least one. */
  List<String> tapNames() {
    List<String> names = List.copyOf(object("taps").keySet());
    if (names.isEmpty()) {
      throw invalid(new String[] {"taps"}, "at least one tap", "none");
    }
    return names;
  }

  /** What upstream computed for a tap, in float32 or in float64. */
  ExpectedTap tap(String name, boolean doublePrecision) {
    String[] prefix =
        doublePrecision ? new String[] {"taps", name, "float64"} : new String[] {"taps", name};
    double[] values = flatten(node(join(prefix, "values")), "taps." + name + ".values");
    if (values.length == 0) {
      throw invalid(join(prefix, "values"), "at least one number", "none");
    }
    double std = number(join(prefix, "std"));
    if (!(std > 0)) {
      throw invalid(join(prefix, "std"), "positive", Double.toString(std));
    }
    return new ExpectedTap(
        name,
        shape("taps", name, "shape"),
        number(join(prefix, "mean")),
        std,
        number(join(prefix, "l2")),
        values);
  }

  private static String[] join(String[] prefix, String last) {
    String[] path = Arrays.copyOf(prefix, prefix.length + 1);
    path[prefix.length] = last;
    return path;
  }

  private List<String> texts(String key) {
    List<String> texts = new ArrayList<>();
    for (JsonNode item : array(key)) {
      if (!item.isTextual()) {
        throw invalid(new String[] {key}, "a list of names", item.toString());
      }
      texts.add(item.textValue());
    }
    return texts;
  }

  private JsonNode array(String key) {
    return typed(key, JsonNode::isArray, "a list");
  }

  private Map<String, JsonNode> object(String key) {
    Map<String, JsonNode> fields = new LinkedHashMap<>();
    typed(key, JsonNode::isObject, "an object")
        .properties()
        .forEach(e -> fields.put(e.getKey(), e.getValue()));
    return fields;
  }

  private JsonNode typed(String key, Predicate<JsonNode> type, String expected) {
    JsonNode node = node(key);
    if (!type.test(node)) {
      throw invalid(new String[] {key}, expected, node.toString());
    }
    return node;
  }

  private JsonNode find(String... path) {
    JsonNode node = root;
    for (String key : path) {
      node = node.path(key);
    }
    return node;
  }

  private JsonNode node(String... path) {
    JsonNode node = find(path);
    if (node.isMissingNode()) {
      throw new FixtureException(
          file + ": not a detector fixture, " + String.join(".", path) + " is missing");
    }
    return node;
  }

  private double[] flatten(JsonNode node, String path) {
    List<Double> values = new ArrayList<>();
    flattenInto(node, path, values);
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private void flattenInto(JsonNode node, String path, List<Double> values) {
    if (node.isArray()) {
      node.forEach(item -> flattenInto(item, path, values));
    } else {
      values.add(finite(node, path));
    }
  }

  private double finite(JsonNode node, String path) {
    if (!node.isNumber() || !Double.isFinite(node.doubleValue())) {
      throw new FixtureException(
          file + ": " + path + " must be a finite number, got " + shorten(node.toString()));
    }
    return node.doubleValue();
  }

  private long wholeNumber(JsonNode node, String[] path) {
    if (!node.isIntegralNumber() || !node.canConvertToLong()) {
      throw invalid(path, "whole numbers", node.toString());
    }
    return node.longValue();
  }

  /** A failure that names the file, the path, what was expected there and what was found. */
  FixtureException invalid(String[] path, String expected, String actual) {
    return new FixtureException(
        file + ": " + String.join(".", path) + " must be " + expected + ", got " + shorten(actual));
  }

  private static String shorten(String text) {
    return text.length() > 60 ? text.substring(0, 60) + "..." : text;
  }
}
