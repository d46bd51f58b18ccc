package dev.bevel.bench.nuscenes;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import dev.bevel.nuscenes.AtomicFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Measurements as a table and as a JSON array of objects with the fields {@code op, case, samples,
 * records, bytes, seconds, cpu_seconds, peak_heap_mib, live_heap_mib, heap_limit_mib} (see {@link
 * ScaleResult}).
 */
public record ScaleReport(List<ScaleResult> results) {
  /** Copies. */
  public ScaleReport {
    results = List.copyOf(results);
  }

  /** One line a result. */
  public String table() {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "%-11s %-6s %8s %10s %8s %8s %8s %14s %14s %11s%n",
                "op",
                "case",
                "samples",
                "records",
                "MB",
                "s",
                "cpu s",
                "peak heap MiB",
                "live heap MiB",
                "limit MiB"));
    for (ScaleResult each : results) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-11s %-6s %8d %10d %8.0f %8.2f %8.2f %14.0f %14.0f %11d%n",
              each.operator(),
              each.caseName(),
              each.samples(),
              each.records(),
              each.bytes() * 1e-6,
              each.usage().seconds(),
              each.usage().cpuSeconds(),
              each.usage().peakHeapMib(),
              each.usage().liveHeapMib(),
              each.heapLimitMib()));
    }
    return text.toString();
  }

  /**
   * Writes the results as JSON. The file appears under its name only when it is complete.
   *
   * @param file replaced if it exists
   * @throws dev.bevel.nuscenes.NuScenesException naming the file if it cannot be written
   */
  public void writeJson(Path file) {
    AtomicFile.write(file, this::writeJson);
  }

  private void writeJson(OutputStream out) throws IOException {
    try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
      json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
      json.setPrettyPrinter(new DefaultPrettyPrinter());
      json.writeStartArray();
      for (ScaleResult each : results) {
        json.writeStartObject();
        json.writeStringField("op", each.operator());
        json.writeStringField("case", each.caseName());
        json.writeNumberField("samples", each.samples());
        json.writeNumberField("records", each.records());
        json.writeNumberField("bytes", each.bytes());
        json.writeNumberField("seconds", each.usage().seconds());
        json.writeNumberField("cpu_seconds", each.usage().cpuSeconds());
        json.writeNumberField("peak_heap_mib", each.usage().peakHeapMib());
        json.writeNumberField("live_heap_mib", each.usage().liveHeapMib());
        json.writeNumberField("heap_limit_mib", each.heapLimitMib());
        json.writeEndObject();
      }
      json.writeEndArray();
    }
  }
}
