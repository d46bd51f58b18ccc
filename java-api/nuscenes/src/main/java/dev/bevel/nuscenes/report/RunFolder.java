package dev.bevel.nuscenes.report;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathFaults;
import dev.bevel.nuscenes.PathNames;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The folder that {@code bevel train}, {@code detect} and {@code eval} write to and {@code report}
 * reads: where its files are, and {@code run.json}, which says what was trained on what, which
 * checkpoint found the detections and what was evaluated. A command writes its own part of {@code
 * run.json} and keeps the others'.
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
   * @param sha256 of the submission's content, see {@link #sha256}; null if it is not known
   */
  public record Evaluation(
      Path data, String version, String split, Path results, @Nullable String sha256) {
    /** Makes the names absolute. */
    public Evaluation {
      data = absolute(data);
      results = absolute(results);
    }
  }

  /**
   * What found the detections in {@code results_nusc.json}.
   *
   * @param config name of the detector's configuration
   * @param steps that its checkpoint had taken
   * @param seed of its training
   * @param sha256 of the file's content, see {@link #sha256}
   * @param pictures tokens of the samples that were drawn
   */
  public record Detector(
      String config, long steps, long seed, String sha256, List<String> pictures) {
    /** Copies the list. */
    public Detector {
      pictures = List.copyOf(pictures);
    }
  }

  private record Contents(
      @Nullable Training training, @Nullable Detector detector, @Nullable Evaluation evaluation) {}

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
   * again if nothing is written into it. Before anything is made or opened, what stands under the
   * names of the run's files is looked at: a pipe would be waited for.
   *
   * @param what the owner is, e.g. {@code "bevel train"}, for the message to others
   * @throws NuScenesException naming the present owner if there is one, or what would be in the way
   *     of the folder or of a file that is to be written: a file, a folder, a pipe or a device, or
   *     a {@code run.json} that cannot be read
   * @throws IOException if the folder cannot be made or written
   */
  public RunLock claim(String what) throws IOException {
    requireWritable();
    RunLock lock = RunLock.take(folder, what);
    try {
      requireWritable(); // another process may have made something meanwhile
      requireReadable();
      files().forEach(AtomicFile::removeLeftovers);
      return lock;
    } catch (RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  /**
   * Checks what stands under the names of the run's files.
   *
   * @throws NuScenesException naming what is in the way of the folder, or of a file of a run: a
   *     file, a folder, a pipe or a device
   */
  public void requireWritable() {
    String fault = PathFaults.asNewFolder(folder);
    if (fault != null) {
      throw new NuScenesException("folder " + folder + " " + fault);
    }
    for (Path file : files()) {
      fault = PathFaults.asNewFile(file);
      if (fault != null) {
        throw new NuScenesException(file + " " + fault + "; remove it");
      }
    }
  }

  private void requireReadable() {
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
   * What found the detections, if {@code run.json} says.
   *
   * @throws NuScenesException if the file is damaged
   */
  public Optional<Detector> detector() {
    return Optional.ofNullable(read().detector);
  }

  /**
   * What tells the content of a file from any other.
   *
   * @return 64 hexadecimal digits
   * @throws NuScenesException if the file cannot be read
   */
  public static String sha256(Path file) {
    String fault = PathFaults.asFile(file);
    if (fault != null) {
      throw new NuScenesException("file " + file + " " + fault);
    }
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      in.transferTo(new DigestOutputStream(OutputStream.nullOutputStream(), digest));
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      throw new NuScenesException(
          String.format(Locale.ROOT, "file %s cannot be read: %s", file, PathFaults.reason(e)), e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform has it
    }
  }

  /**
   * Writes the training's part of {@code run.json}; the folder is made if missing.
   *
   * @throws NuScenesException if the present file is damaged, or it cannot be written
   */
  public void write(Training training) {
    Contents present = read();
    write(new Contents(training, present.detector, present.evaluation));
  }

  /**
   * Writes the detector's part of {@code run.json}; the folder is made if missing.
   *
   * @throws NuScenesException as {@link #write(Training)}
   */
  public void write(Detector detector) {
    Contents present = read();
    write(new Contents(present.training, detector, present.evaluation));
  }

  /**
   * Writes the evaluation's part of {@code run.json}; the folder is made if missing.
   *
   * @throws NuScenesException as {@link #write(Training)}
   */
  public void write(Evaluation evaluation) {
    Contents present = read();
    write(new Contents(present.training, present.detector, evaluation));
  }

  private Contents read() {
    if (!Files.exists(run())) {
      return new Contents(null, null, null);
    }
    JsonDocument root = JsonDocument.read(run());
    return new Contents(
        root.find("training").map(RunFolder::training).orElse(null),
        root.find("detector").map(RunFolder::detector).orElse(null),
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

  private static Detector detector(JsonDocument json) {
    return new Detector(
        json.get("config").text(),
        json.get("steps").integer(0, TrainingHistory.MAX_STEP),
        json.get("seed").integer(Long.MIN_VALUE, Long.MAX_VALUE),
        json.get("sha256").text(),
        json.find("pictures").map(JsonDocument::texts).orElse(List.of()));
  }

  /** It names a folder in the data set's: what others have written leads nowhere else. */
  private static String version(JsonDocument json) {
    JsonDocument version = json.get("version");
    if (!PathNames.isName(version.text())) {
      throw version.broken("must be " + PathNames.NAME);
    }
    return version.text();
  }

  private Evaluation evaluation(JsonDocument json) {
    return new Evaluation(
        json.get("data").path(),
        version(json),
        json.get("split").text(),
        folder.resolve(json.get("results").path()),
        json.find("sha256").map(JsonDocument::text).orElse(null));
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
            if (contents.detector != null) {
              write(json, contents.detector);
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

  private static void write(JsonGenerator json, Detector detector) throws IOException {
    json.writeObjectFieldStart("detector");
    json.writeStringField("config", detector.config);
    json.writeNumberField("steps", detector.steps);
    json.writeNumberField("seed", detector.seed);
    json.writeStringField("sha256", detector.sha256);
    json.writeArrayFieldStart("pictures");
    for (String token : detector.pictures) {
      json.writeString(token);
    }
    json.writeEndArray();
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
    json.writeStringField("sha256", evaluation.sha256);
    json.writeEndObject();
  }
}
