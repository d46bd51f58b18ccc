package dev.bevel.torch.train;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Prepared samples, kept until a budget of memory is used up. Nothing is thrown out for another:
 * every epoch asks for each sample once in a new order, so what stays for good is hit more often
 * than what was used last. For one thread.
 */
final class ExampleCache {
  private final Map<String, DetectorInputs.Example> examples = new HashMap<>();
  private final long budget;
  private long used;

  /**
   * An empty cache.
   *
   * @param budget bytes of images and depth bins
   */
  ExampleCache(long budget) {
    this.budget = budget;
  }

  /**
   * The example of a sample, from memory or prepared now.
   *
   * @param token of the sample
   */
  DetectorInputs.Example get(String token, Supplier<DetectorInputs.Example> prepare) {
    DetectorInputs.Example known = examples.get(token);
    if (known != null) {
      return known;
    }
    DetectorInputs.Example example = prepare.get();
    long bytes = example.bytes();
    if (used + bytes <= budget) {
      used += bytes;
      examples.put(token, example);
    }
    return example;
  }

  /** Samples kept. */
  int size() {
    return examples.size();
  }
}
