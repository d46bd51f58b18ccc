package dev.bevel.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import dev.bevel.nuscenes.AtomicFile;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The results of a run, as a table and as a JSON array of objects with the fields {@code op, case,
 * pass, dtype, device, threads, variant, median_ms, min_ms, floor_ms, ratio} (see {@link
 * BenchmarkResult}). Every operator uses this one schema.
 */
public final class BenchmarkReport {
  /** The variant that all others of the same key are compared with. */
  public static final String BEVEL = "bevel";

  private record Entry(BenchmarkKey key, String variant, Timing timing, double floorMs) {}

  private final List<Entry> entries = new ArrayList<>();

  /** An empty report. */
  public BenchmarkReport() {}

  /**
   * Adds a measurement.
   *
   * @param key what was timed
   * @param variant who was timed; once per key
   * @param timing how long it took
   * @param floorMs the DRAM floor, milliseconds; 0 where no bytes are compulsory
   * @throws IllegalArgumentException if the key has that variant already
   */
  public void add(BenchmarkKey key, String variant, Timing timing, double floorMs) {
    for (Entry entry : entries) {
      if (entry.key.equals(key) && entry.variant.equals(variant)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT, "BenchmarkReport: %s of %s was measured twice", variant, key));
      }
    }
    entries.add(new Entry(key, variant, timing, floorMs));
  }

  /**
   * The results in the order they were added.
   *
   * @throws IllegalStateException if {@value #BEVEL} is missing for some key, so that there is
   *     nothing to compare with
   */
  public List<BenchmarkResult> results() {
    Map<BenchmarkKey, Double> bevel = new HashMap<>();
    for (Entry entry : entries) {
      if (entry.variant.equals(BEVEL)) {
        bevel.put(entry.key, entry.timing.medianMs());
      }
    }
    List<BenchmarkResult> results = new ArrayList<>();
    for (Entry entry : entries) {
      Double base = bevel.get(entry.key);
      if (base == null) {
        throw new IllegalStateException(
            String.format(
                Locale.ROOT,
                "BenchmarkReport: %s has no variant %s to compare %s with",
                entry.key,
                BEVEL,
                entry.variant));
      }
      Timing timing = entry.timing;
      results.add(
          new BenchmarkResult(
              entry.key,
              entry.variant,
              timing.medianMs(),
              timing.minMs(),
              entry.floorMs,
              timing.medianMs() / base));
    }
    return results;
  }

  /** The line above the rows. */
  public static String header() {
    return String.format(
        Locale.ROOT,
        "%-16s %-17s %-16s %-6s %-7s %-25s %11s %11s %11s %9s",
        "op",
        "case",
        "pass",
        "dtype",
        "threads",
        "variant",
        "median ms",
        "min ms",
        "floor ms",
        "ratio");
  }

  /** A result as a line for a terminal. */
  public static String row(BenchmarkResult result) {
    BenchmarkKey key = result.key();
    return String.format(
        Locale.ROOT,
        "%-16s %-17s %-16s %-6s %-7d %-25s %11.5g %11.5g %11.5g %9.4g",
        key.operator(),
        key.caseName(),
        key.pass(),
        key.dtype(),
        key.threads(),
        result.variant(),
        result.medianMs(),
        result.minMs(),
        result.floorMs(),
        result.ratio());
  }

  /**
   * Writes the results as JSON. The file appears under its name only when it is complete.
   *
   * @param file replaced if it exists
   * @throws dev.bevel.nuscenes.NuScenesException naming the file if it cannot be written
   */
  public void writeJson(Path file) {
    List<BenchmarkResult> results = results();
    AtomicFile.write(file, out -> writeJson(out, results));
  }

  private static void writeJson(OutputStream out, List<BenchmarkResult> results)
      throws java.io.IOException {
    try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
      json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
      json.setPrettyPrinter(new DefaultPrettyPrinter());
      json.writeStartArray();
      for (BenchmarkResult result : results) {
        BenchmarkKey key = result.key();
        json.writeStartObject();
        json.writeStringField("op", key.operator());
        json.writeStringField("case", key.caseName());
        json.writeStringField("pass", key.pass().toString());
        json.writeStringField("dtype", key.dtype());
        json.writeStringField("device", key.device());
        json.writeNumberField("threads", key.threads());
        json.writeStringField("variant", result.variant());
        json.writeNumberField("median_ms", result.medianMs());
        json.writeNumberField("min_ms", result.minMs());
        json.writeNumberField("floor_ms", result.floorMs());
        json.writeNumberField("ratio", result.ratio());
        json.writeEndObject();
      }
      json.writeEndArray();
    }
  }
}
