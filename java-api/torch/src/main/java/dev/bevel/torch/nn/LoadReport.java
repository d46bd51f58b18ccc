package dev.bevel.torch.nn;

import dev.bevel.nuscenes.Printable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * How a state dictionary fits a module.
 *
 * @param missing names the module has and the dictionary lacks
 * @param unexpected names the dictionary has and the module lacks
 * @param mismatched one entry for each tensor whose shapes differ
 */
public record LoadReport(List<String> missing, List<String> unexpected, List<Mismatch> mismatched) {
  private static final int SHOWN = 5;

  /** Copies the lists. */
  public LoadReport {
    missing = List.copyOf(missing);
    unexpected = List.copyOf(unexpected);
    mismatched = List.copyOf(mismatched);
  }

  /**
   * A tensor whose shapes differ.
   *
   * @param name dotted name
   * @param expected shape in the module, as text
   * @param actual shape in the dictionary, as text
   */
  public record Mismatch(String name, String expected, String actual) {
    @Override
    public String toString() {
      return name + " must be " + expected + ", got " + actual;
    }
  }

  /** Compares names and shapes of a module with those of a dictionary. */
  public static LoadReport compare(Map<String, long[]> module, Map<String, long[]> dictionary) {
    List<String> missing = new ArrayList<>();
    List<Mismatch> mismatched = new ArrayList<>();
    module.forEach(
        (name, shape) -> {
          long[] actual = dictionary.get(name);
          if (actual == null) {
            missing.add(name);
          } else if (!Arrays.equals(shape, actual)) {
            mismatched.add(new Mismatch(name, Arrays.toString(shape), Arrays.toString(actual)));
          }
        });
    List<String> unexpected =
        dictionary.keySet().stream().filter(name -> !module.containsKey(name)).toList();
    return new LoadReport(missing, unexpected, mismatched);
  }

  /** Whether every name and shape agreed. */
  public boolean isComplete() {
    return missing.isEmpty() && unexpected.isEmpty() && mismatched.isEmpty();
  }

  /** Throws if anything did not fit. */
  public void requireComplete() {
    if (!isComplete()) {
      throw new IllegalArgumentException(toString());
    }
  }

  /** One sentence: what does not fit, the first few names of each kind. */
  @Override
  public String toString() {
    if (isComplete()) {
      return "state dictionary fits the module";
    }
    List<String> parts = new ArrayList<>();
    describe(parts, "missing", missing);
    describe(parts, "unexpected", unexpected);
    describe(parts, "of another shape", mismatched);
    return "state dictionary does not fit the module: " + String.join("; ", parts);
  }

  private static void describe(List<String> parts, String what, List<?> items) {
    if (!items.isEmpty()) {
      List<String> shown =
          items.stream().limit(SHOWN).map(item -> Printable.of(item.toString(), 200)).toList();
      String more = items.size() > SHOWN ? ", ..." : "";
      parts.add(items.size() + " " + what + " (" + String.join(", ", shown) + more + ")");
    }
  }
}
