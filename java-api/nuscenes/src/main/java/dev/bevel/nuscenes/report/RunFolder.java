package dev.bevel.nuscenes.report;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathFaults;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The folder that {@code bevel train}, {@code detect} and {@code eval} write to and {@code report}
 * reads: where its files are, and {@code run.json}, which says what was trained on what and what
 * was evaluated. A command writes its own part of {@code run.json} and keeps the other's.
 */
public final class RunFolder {
  private static final JsonFactory JSON = new JsonFactory();

  private final Path folder;

  /**
   * What was trained on what.
   *
   * @param config name of the detector's configuration
   * @param data nuScenes folder; becomes absolute
   * @param version of its tables, e.g. {@code v1.0-mini}
   * @param split whose samples were used, null for all there are
   * @param steps of the training, from its beginning
   * @param seed of weights, order and augmentation
   */
  public record Training(
      String config, Path data, String version, @Nullable String split, long steps, long seed) {
    /** Makes the folder's name absolute. */
    public Training {
      data = absolute(data);
    }
  }

  /**
   * What was evaluated.
   *
   * @param data nuScenes folder; becomes absolute
   * @param version of its tables
   * @param split that was evaluated
   * @param results the submission; becomes absolute. In {@code run.json} a file of the run folder
   *     stands without the folder's name, so that the folder can be moved
   */
  public record Evaluation(Path data, String version, String split, Path results) {
    /** Makes the names absolute. */
    public Evaluation {
      data = absolute(data);
      results = absolute(results);
    }
  }

  private record Contents(@Nullable Training training, @Nullable Evaluation evaluation) {}

  /** The run in a folder, which need not be there before something is written. */
  public RunFolder(Path folder) {
    this.folder = absolute(folder);
  }

  /** Not {@code normalize()} alone: {@code ..} after a link leads where the link does. */
  private static Path absolute(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException e) {
      return path.toAbsolutePath(); // not there yet
    }
  }

  /** The folder itself, absolute. */
  public Path folder() {
    return folder;
  }

  /**
   * Makes this process the folder's owner until the result is closed, and removes what killed
   * processes left of files that they were writing. The folder is made if missing, and removed
   * again if nothing is written into it.
   *
   * @param what the owner is, e.g. {@code "bevel train"}, for the message to others
   * @throws NuScenesException naming the present owner if there is one, or what would be in the way
   *     of a file that is to be written: a folder, or a {@code run.json} that cannot be read
   * @throws IOException if the folder cannot be made or written
   */
  public RunLock claim(String what) throws IOException {
    RunLock lock = RunLock.take(folder, what);
    try {
      files().forEach(AtomicFile::removeLeftovers);
      requireWritable();
      return lock;
    } catch (RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  private void requireWritable() {
    for (Path file : files()) {
      if (Files.isDirectory(file)) {
        throw new NuScenesException(file + " is a folder, must be a file; remove it");
      }
    }
    try {
      read();
    } catch (NuScenesException e) {
      throw new NuScenesException(e.getMessage() + "; mend or remove it", e);
    }
  }

  /** All files that a run has, there or not. */
  public List<Path> files() {
    return List.of(
        run(), history(), checkpoint(), results(), metricsSummary(), metricsDetails(), report());
  }

  /** Whether a path leads to one of the files that a run has. */
  public boolean has(Path file) {
    return files().contains(absolute(file));
  }

  /** {@code run.json}. */
  public Path run() {
    return folder.resolve("run.json");
  }

  /** {@code history.csv}: losses and learning rate by step, see {@link TrainingHistory}. */
  public Path history() {
    return folder.resolve("history.csv");
  }

  /** {@code last.safetensors}, the checkpoint. */
  public Path checkpoint() {
    return folder.resolve("last.safetensors");
  }

  /** {@code results_nusc.json}, the submission. */
  public Path results() {
    return folder.resolve("results_nusc.json");
  }

  /** {@code metrics_summary.json}. */
  public Path metricsSummary() {
    return folder.resolve("metrics_summary.json");
  }

  /** {@code metrics_details.json}. */
  public Path metricsDetails() {
    return folder.resolve("metrics_details.json");
  }

  /** {@code report.html}, unless the report is asked for elsewhere. */
  public Path report() {
    return folder.resolve("report.html");
  }

  /**
   * What was trained, if {@code run.json} says.
   *
   * @throws NuScenesException if the file is damaged
   */
  public Optional<Training> training() {
    return Optional.ofNullable(read().training);
  }

  /**
   * What was evaluated, if {@code run.json} says.
   *
   * @throws NuScenesException if the file is damaged
   */
  public Optional<Evaluation> evaluation() {
    return Optional.ofNullable(read().evaluation);
  }

  /**
   * Writes the training's part of {@code run.json}; the folder is made if missing.
   *
   * @throws NuScenesException if the present file is damaged, or it cannot be written
   */
  public void write(Training training) {
    write(new Contents(training, read().evaluation));
  }

  /**
   * Writes the evaluation's part of {@code run.json}; the folder is made if missing.
   *
   * @throws NuScenesException as {@link #write(Training)}
   */
  public void write(Evaluation evaluation) {
    write(new Contents(read().training, evaluation));
  }

  private Contents read() {
    if (!Files.exists(run())) {
      return new Contents(null, null);
    }
    JsonDocument root = JsonDocument.read(run());
    return new Contents(
        root.find("training").map(RunFolder::training).orElse(null),
        root.find("evaluation").map(this::evaluation).orElse(null));
  }

  /**
   * The bytes of one of a run's files.
   *
   * @param most a larger file is an error
   */
  static byte[] content(Path file, long most) {
    // Neither a pipe, which might never end, nor a folder.
    String fault = PathFaults.asFile(file);
    if (fault != null) {
      throw new NuScenesException("file " + file + " " + fault);
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(Math.toIntExact(most + 1));
      if (bytes.length > most) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "file %s is larger than the %d bytes allowed for such a file",
                file,
                most));
      }
      return bytes;
    } catch (IOException e) {
      throw new NuScenesException(
          String.format(Locale.ROOT, "file %s cannot be read: %s", file, PathFaults.reason(e)), e);
    }
  }

  private static Training training(JsonDocument json) {
    return new Training(
        json.get("config").text(),
        json.get("data").path(),
        json.get("version").text(),
        json.find("split").map(JsonDocument::text).orElse(null),
        json.get("steps").integer(0, TrainingHistory.MAX_STEP),
        json.get("seed").integer(Long.MIN_VALUE, Long.MAX_VALUE));
  }

  private Evaluation evaluation(JsonDocument json) {
    return new Evaluation(
        json.get("data").path(),
        json.get("version").text(),
        json.get("split").text(),
        folder.resolve(json.get("results").path()));
  }

  private void write(Contents contents) {
    AtomicFile.write(
        run(),
        out -> {
          try (JsonGenerator json = JSON.createGenerator(out, JsonEncoding.UTF8)) {
            json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
            json.setPrettyPrinter(new DefaultPrettyPrinter());
            json.writeStartObject();
            if (contents.training != null) {
              write(json, contents.training);
            }
            if (contents.evaluation != null) {
              write(json, contents.evaluation);
            }
            json.writeEndObject();
          }
        });
  }

  private static void write(JsonGenerator json, Training training) throws IOException {
    json.writeObjectFieldStart("training");
    json.writeStringField("config", training.config);
    json.writeStringField("data", training.data.toString());
    json.writeStringField("version", training.version);
    json.writeStringField("split", training.split);
    json.writeNumberField("steps", training.steps);
    json.writeNumberField("seed", training.seed);
    json.writeEndObject();
  }

  private void write(JsonGenerator json, Evaluation evaluation) throws IOException {
    Path results = evaluation.results;
    json.writeObjectFieldStart("evaluation");
    json.writeStringField("data", evaluation.data.toString());
    json.writeStringField("version", evaluation.version);
    json.writeStringField("split", evaluation.split);
    json.writeStringField(
        "results", (results.startsWith(folder) ? folder.relativize(results) : results).toString());
    json.writeEndObject();
  }
}
