package dev.bevel.torch.train;

import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.report.TrainingHistory;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Writes the course of a training, {@link TrainingHistory}'s {@code history.csv}, a line a step.
 * Seconds are those spent training since its first step: not those between an end and a resumption.
 */
public final class HistoryWriter implements AutoCloseable {
  private static final int STEPS_BETWEEN_FLUSHES = 20;

  private final Path file;
  private final long startNanos = System.nanoTime();
  private final double secondsBefore;
  private List<String> columns = List.of();
  private @Nullable BufferedWriter out;

  /**
   * Begins a history, or goes on with one.
   *
   * @param file to write; what is there is replaced
   * @param before the history so far, perhaps the same file; need not be there
   * @param step taken so far: of {@code before} this step is the last that is kept
   * @throws NuScenesException if {@code before} is damaged or {@code file} cannot be written
   */
  public HistoryWriter(Path file, Path before, long step) {
    this.file = file;
    List<double[]> kept = new ArrayList<>();
    if (step > 0 && Files.exists(before)) {
      TrainingHistory history = TrainingHistory.read(before);
      history.rows().stream().filter(row -> row[0] <= step).forEach(kept::add);
      columns = kept.isEmpty() ? columns : history.columns();
    }
    secondsBefore = kept.isEmpty() ? 0 : kept.getLast()[1];
    if (!kept.isEmpty()) {
      AtomicFile.write(
          file,
          stream -> {
            StringBuilder text = new StringBuilder(header());
            kept.forEach(row -> text.append(line(row)));
            stream.write(text.toString().getBytes(StandardCharsets.UTF_8));
          });
    }
  }

  /**
   * Adds a step.
   *
   * @throws NuScenesException if the file cannot be written, or the loss has other terms than in
   *     the steps before
   */
  public void add(StepReport report) {
    try {
      BufferedWriter writer = opened(report);
      double[] row = new double[columns.size()];
      row[0] = report.step();
      row[1] = secondsBefore + (System.nanoTime() - startNanos) * 1e-9;
      row[2] = report.learningRate();
      row[3] = report.loss();
      int column = TrainingHistory.FIRST_COLUMNS.size();
      for (double term : report.terms().values()) {
        row[column++] = term;
      }
      writer.write(line(row));
      if (report.step() % STEPS_BETWEEN_FLUSHES == 0) {
        writer.flush();
      }
    } catch (IOException e) {
      throw fault(e);
    }
  }

  private BufferedWriter opened(StepReport report) throws IOException {
    if (out != null) {
      return out;
    }
    List<String> names = new ArrayList<>(TrainingHistory.FIRST_COLUMNS);
    names.addAll(report.terms().keySet());
    boolean begun = !columns.isEmpty();
    if (begun && !columns.equals(names)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "file %s is of another training: its columns are %s, now they are %s",
              file,
              columns,
              names));
    }
    columns = List.copyOf(names);
    if (!begun) {
      AtomicFile.write(file, stream -> stream.write(header().getBytes(StandardCharsets.UTF_8)));
    }
    out = Files.newBufferedWriter(file, StandardOpenOption.APPEND);
    return out;
  }

  private String header() {
    return String.join(",", columns) + "\n";
  }

  private static String line(double[] row) {
    StringBuilder line = new StringBuilder().append((long) row[0]);
    for (int i = 1; i < row.length; i++) {
      line.append(String.format(Locale.ROOT, i == 1 ? ",%.3f" : ",%.7g", row[i]));
    }
    return line.append('\n').toString();
  }

  /** Hands all lines to the operating system: before a checkpoint, which must not know more. */
  public void flush() {
    try {
      if (out != null) {
        out.flush();
      }
    } catch (IOException e) {
      throw fault(e);
    }
  }

  private NuScenesException fault(IOException e) {
    return new NuScenesException(
        String.format(Locale.ROOT, "file %s cannot be written: %s", file, e), e);
  }

  @Override
  public void close() {
    try {
      if (out != null) {
        out.close();
      }
    } catch (IOException e) {
      throw fault(e);
    }
  }
}
