package dev.bevel.torch.model;

import dev.bevel.nuscenes.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;

/**
 * One mapping of a YAML configuration, read key by key. Every failure is one sentence that names
 * the file, the key and what was expected there; {@link #finish} rejects keys nobody asked for.
 */
public final class ConfigNode {
  private static final int MAX_BYTES = 1 << 20;

  /** Characters of a document's text that a message shows. */
  private static final int SHOWN = 80;

  private final String source;
  private final String path;
  private final Map<String, Object> values;
  private final Set<String> used = new LinkedHashSet<>();

  private ConfigNode(String source, String path, Map<String, Object> values) {
    this.source = source;
    this.path = path;
    this.values = values;
  }

  /**
   * The text of a document.
   *
   * @param source names it in messages
   * @throws ConfigException if it is too large or not UTF-8
   */
  static String text(String source, InputStream in) throws IOException {
    byte[] bytes = in.readNBytes(MAX_BYTES + 1);
    if (bytes.length > MAX_BYTES) {
      throw new ConfigException(
          source + ": larger than " + MAX_BYTES + " bytes, not a configuration");
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new ConfigException(source + ": not a text in UTF-8, so not a configuration");
    }
  }

  /**
   * Parses a document.
   *
   * @param source names it in messages
   * @throws ConfigException if it is not a YAML mapping
   */
  public static ConfigNode parse(String source, String text) {
    LoadSettings settings =
        LoadSettings.builder().setLabel(source).setAllowDuplicateKeys(false).build();
    Object root;
    try {
      root = new Load(settings).loadFromString(text);
    } catch (MarkedYamlEngineException e) {
      throw new ConfigException(
          source + ": not valid YAML: " + String.valueOf(e.getMessage()).replaceAll("\\s+", " "));
    } catch (RuntimeException e) {
      throw new ConfigException(source + ": not valid YAML: " + reason(e, text));
    } catch (StackOverflowError e) { // the parser descends by recursion
      throw new ConfigException(source + ": not a configuration: nested too deeply");
    }
    return new ConfigNode(source, "", asMapping(source, "", root));
  }

  /** What the library's code for a tag threw, which does not tell the place. */
  private static String reason(RuntimeException thrown, String text) {
    Throwable cause = thrown.getCause() == null ? thrown : thrown.getCause();
    List<String> lines = text.lines().toList();
    for (int line = 0; line < lines.size(); line++) {
      if (lines.get(line).contains("!")) {
        return "a value does not fit its tag, see line "
            + (line + 1)
            + (cause instanceof IllegalArgumentException
                ? ": " + shorten(String.valueOf(cause.getMessage()))
                : "");
      }
    }
    return shorten(String.valueOf(thrown.getMessage()));
  }

  private static Map<String, Object> asMapping(String source, String path, @Nullable Object value) {
    if (!(value instanceof Map<?, ?> map)) {
      throw new ConfigException(
          source
              + ": "
              + (path.isEmpty() ? "the document" : path)
              + " must be a mapping, got "
              + describe(value));
    }
    Map<String, Object> result = new LinkedHashMap<>();
    map.forEach(
        (key, item) -> {
          if (!(key instanceof String text) || item == null) {
            throw new ConfigException(
                source
                    + ": "
                    + (path.isEmpty() ? "" : path + ".")
                    + (key instanceof String name ? shorten(name) : describe(key))
                    + " must be a named key with a value");
          }
          result.put(text, item);
        });
    return result;
  }

  private static String describe(@Nullable Object value) {
    if (value == null) {
      return "nothing";
    }
    if (value instanceof Map<?, ?>) {
      return "a mapping";
    }
    if (value instanceof List<?> list) {
      // Not the list's own text: a few aliases make it endless.
      return list.stream()
              .limit(SHOWN)
              .anyMatch(item -> item instanceof Map || item instanceof List)
          ? "a list of lists or mappings"
          : "the list " + shorten(list.subList(0, Math.min(SHOWN, list.size())).toString());
    }
    if (value instanceof byte[]) {
      return "binary data";
    }
    return "'" + shorten(value.toString()) + "'";
  }

  private static String shorten(String text) {
    return Printable.of(text, SHOWN);
  }

  /** The failure "{@code source: key must be expected, got actual}". */
  public ConfigException invalid(String key, String expected) {
    return new ConfigException(
        source + ": " + path + key + " must be " + expected + ", got " + describe(values.get(key)));
  }

  private Object required(String key, String expected) {
    used.add(key);
    Object value = values.get(key);
    if (value == null) {
      throw new ConfigException(source + ": " + path + key + " is missing, it must be " + expected);
    }
    return value;
  }

  /** Whether a key is there. */
  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** The mapping at {@code key}. */
  public ConfigNode child(String key) {
    Object value = required(key, "a mapping");
    return new ConfigNode(source, path + key + ".", asMapping(source, path + key, value));
  }

  /** A text of one line, as people are shown it. */
  public String text(String key) {
    String expected = "a text of at most " + SHOWN + " characters, none of control";
    if (required(key, expected) instanceof String text
        && !text.isBlank()
        && text.equals(Printable.of(text, SHOWN))) {
      return text;
    }
    throw invalid(key, expected);
  }

  /** One of several words, which are the names of {@code type} in lower case with dashes. */
  public <E extends Enum<E>> E choice(String key, Class<E> type) {
    List<String> words = new ArrayList<>();
    for (E constant : type.getEnumConstants()) {
      String word = constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
      words.add(word);
      if (word.equals(values.get(key))) {
        used.add(key);
        return constant;
      }
    }
    required(key, "one of " + words);
    throw invalid(key, "one of " + words);
  }

  /** A whole number from {@code least} to {@code most}. */
  public int integer(String key, int least, int most) {
    String expected = "a whole number from " + least + " to " + most;
    if (required(key, expected) instanceof Integer number && number >= least && number <= most) {
      return number;
    }
    throw invalid(key, expected);
  }

  /** A finite number from {@code least} to {@code most}. */
  public double number(String key, double least, double most) {
    String expected = "a number from " + least + " to " + most;
    if (required(key, expected) instanceof Number number
        && number.doubleValue() >= least
        && number.doubleValue() <= most) {
      return number.doubleValue();
    }
    throw invalid(key, expected);
  }

  /** A list of {@code count} finite numbers. */
  public List<Double> numbers(String key, int count) {
    String expected = "a list of " + count + " numbers";
    List<Double> list =
        list(
            key,
            expected,
            item ->
                item instanceof Number number && Double.isFinite(number.doubleValue())
                    ? number.doubleValue()
                    : null);
    if (list.size() != count) {
      throw invalid(key, expected);
    }
    return list;
  }

  /** A non-empty list of whole numbers of at least 1. */
  public List<Integer> counts(String key) {
    return list(
        key,
        "a list of positive whole numbers",
        item -> item instanceof Integer n && n > 0 ? n : null);
  }

  /** A non-empty list of texts. */
  public List<String> texts(String key) {
    return list(key, "a list of names", ConfigNode::name);
  }

  /** A non-empty list of non-empty lists of texts. */
  public List<List<String>> textLists(String key) {
    String expected = "a list of lists of names";
    return list(
        key,
        expected,
        item -> {
          if (!(item instanceof List<?> inner) || inner.isEmpty()) {
            return null;
          }
          List<String> names = new ArrayList<>();
          for (Object entry : inner) {
            String name = name(entry);
            if (name == null) {
              return null;
            }
            names.add(name);
          }
          return List.copyOf(names);
        });
  }

  private static @Nullable String name(@Nullable Object item) {
    return item instanceof String text && !text.isBlank() ? text : null;
  }

  private <T> List<T> list(
      String key, String expected, Function<@Nullable Object, @Nullable T> convert) {
    if (!(required(key, expected) instanceof List<?> items) || items.isEmpty()) {
      throw invalid(key, expected);
    }
    List<T> result = new ArrayList<>();
    for (Object item : items) {
      T converted = convert.apply(item);
      if (converted == null) {
        throw invalid(key, expected);
      }
      result.add(converted);
    }
    return List.copyOf(result);
  }

  /**
   * Where another document has something else, an entry for each: {@code "key is X, was Y"}.
   *
   * @param before the other
   */
  public List<String> differencesFrom(ConfigNode before) {
    List<String> differences = new ArrayList<>();
    addDifferences("", before.values, values, differences);
    return differences;
  }

  private static void addDifferences(
      String path, @Nullable Object before, @Nullable Object now, List<String> differences) {
    if (before instanceof Map<?, ?> from && now instanceof Map<?, ?> to) {
      Set<Object> keys = new LinkedHashSet<>(to.keySet());
      keys.addAll(from.keySet());
      for (Object key : keys) {
        String name = (path.isEmpty() ? "" : path + ".") + shorten(String.valueOf(key));
        addDifferences(name, from.get(key), to.get(key), differences);
      }
    } else if (before instanceof Number a && now instanceof Number b) {
      if (a.doubleValue() != b.doubleValue()) {
        differences.add(path + " is " + b + ", was " + a);
      }
    } else if (!Objects.equals(before, now)) {
      differences.add(path + " is " + describe(now) + ", was " + describe(before));
    }
  }

  /** Rejects keys that were not asked for. */
  public void finish() {
    for (String key : values.keySet()) {
      if (!used.contains(key)) {
        throw new ConfigException(
            source
                + ": unknown key "
                + path
                + shorten(key)
                + "; known here: "
                + String.join(", ", used));
      }
    }
  }
}
