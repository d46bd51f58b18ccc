package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathFaults;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.evaluation.DetectionMatch;
import dev.bevel.nuscenes.evaluation.EvaluationConfig;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.Submission;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import dev.bevel.nuscenes.report.RunFolder.Evaluation;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One HTML page on a run: what was trained on what, curves of losses and learning rate, the
 * benchmark's figures and curves, errors by distance, best and worst samples with pictures. The
 * page needs nothing beside itself: styles, figures (SVG) and pictures (JPEG) are in it, scripts
 * are not, and its content security policy forbids both scripts and any other resource.
 */
public final class RunReport {
  private static final String POLICY =
      "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

  private final RunFolder run;
  private final @Nullable Path data;
  private final Html html = new Html();

  private RunReport(RunFolder run, @Nullable Path data) {
    this.run = run;
    this.data = data;
  }

  /**
   * Writes the page. Sections whose files are not there say so.
   *
   * @param run the folder of the run
   * @param data nuScenes folder, if it is not (or no longer) where {@code run.json} says
   * @param out the page; appears only when complete
   * @throws NuScenesException if the folder has none of a run's files, or one of them or of the
   *     data set's is damaged, or {@code data} is given and has not the tables that were evaluated
   *     on
   */
  public static void write(RunFolder run, @Nullable Path data, Path out) {
    String page = new RunReport(run, data).page();
    AtomicFile.write(out, stream -> stream.write(page.getBytes(StandardCharsets.UTF_8)));
  }

  private String page() {
    requireRun(run);
    String title =
        "Bevel run "
            + Optional.ofNullable(run.folder().getFileName()).map(Path::toString).orElse("/");
    html.markup("<!DOCTYPE html>\n")
        .open("html", "lang", "en")
        .open("head")
        .single("meta", "charset", "utf-8")
        .single("meta", "http-equiv", "Content-Security-Policy", "content", POLICY)
        .single("meta", "name", "viewport", "content", "width=device-width, initial-scale=1")
        .single("meta", "name", "color-scheme", "content", "light dark")
        .element("title", title)
        .open("style")
        .markup(styles())
        .close("style")
        .close("head")
        .open("body")
        .open("header")
        .element("h1", title)
        .close("header")
        .open("main");
    RunStages stages = RunStages.of(run);
    TrainingSection.write(html, run, stages);
    MetricsSection.write(html, run, stages);
    writeSamples(stages);
    html.close("main").close("body").close("html");
    return html.toString();
  }

  /**
   * Checks that there is a run in a folder.
   *
   * @throws NuScenesException saying what the folder lacks
   */
  public static void requireRun(RunFolder run) {
    String fault = PathFaults.asFolder(run.folder());
    if (fault != null) {
      throw new NuScenesException("run folder " + run.folder() + " " + fault);
    }
    if (Stream.of(run.run(), run.history(), run.metricsSummary(), run.metricsDetails())
        .noneMatch(Files::exists)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "run folder %s has nothing to report: no run.json, history.csv, metrics_summary.json or metrics_details.json",
              run.folder()));
    }
  }

  private static String styles() {
    try (InputStream in =
        Objects.requireNonNull(RunReport.class.getResourceAsStream("report.css"), "report.css")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("report.css of this jar cannot be read", e);
    }
  }

  /** The sections that need the data set and the submission. */
  private void writeSamples(RunStages stages) {
    Optional<Evaluation> evaluation = run.evaluation();
    Optional<String> absent =
        evaluation
            .map(this::absent)
            .orElse(Optional.of("run.json does not say what was evaluated"))
            .or(
                () ->
                    stages.isResultsChanged()
                        ? Optional.of("the submission is another one than that of the figures")
                        : Optional.empty());
    if (absent.isPresent()) {
      writeAbsent("distance", "Errors by distance", absent.get());
      writeAbsent("samples", "Best and worst samples", absent.get());
      return;
    }
    Evaluation known = evaluation.orElseThrow();
    NuScenes set = NuScenes.load(folder(known), known.version());
    EvaluationSet split = EvaluationSet.of(set, Splits.scenes(set, known.split()));
    Submission submission = SubmissionReader.read(known.results(), split);
    List<DetectionMatch> matches =
        DetectionMatch.all(split, submission, EvaluationConfig.TRUE_POSITIVE_DISTANCE);
    html.open("section", "id", "distance").element("h2", "Errors by distance");
    DistanceSection.write(html, split, matches);
    html.close("section").open("section", "id", "samples").element("h2", "Best and worst samples");
    new SampleSection(set, split, submission, matches).write(html);
    html.close("section");
  }

  private Path folder(Evaluation evaluation) {
    return data == null ? evaluation.data() : data;
  }

  private Optional<String> absent(Evaluation evaluation) {
    Path tables = folder(evaluation).resolve(evaluation.version());
    String fault = PathFaults.asFile(evaluation.results());
    if (fault != null) {
      return Optional.of("the submission " + evaluation.results() + " " + fault);
    }
    if (evaluation.sha256() == null && !evaluation.results().startsWith(run.folder())) {
      // Others may have written run.json: what it names elsewhere is read only if it is known to
      // be what was evaluated.
      return Optional.of(
          "the submission "
              + evaluation.results()
              + " is not in the run's folder, and run.json has no digest of it; bevel eval"
              + " evaluates it again");
    }
    String without = PathFaults.asFolder(tables);
    if (without != null && data != null) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "data folder %s has not the tables that the run was evaluated on: %s %s",
              data,
              tables,
              without));
    }
    return Optional.ofNullable(without).map(why -> "the data set " + tables + " " + why);
  }

  private void writeAbsent(String id, String title, String why) {
    html.open("section", "id", id)
        .element("h2", title)
        .element("p", "Not shown: " + why + ".", "class", "absent")
        .close("section");
  }
}
