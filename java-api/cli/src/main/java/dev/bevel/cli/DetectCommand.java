package dev.bevel.cli;

import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathNames;
import dev.bevel.nuscenes.Printable;
import dev.bevel.nuscenes.draw.Pictures;
import dev.bevel.nuscenes.draw.SamplePictures;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunLock;
import dev.bevel.torch.train.DetectorInference;
import dev.bevel.torch.train.SampleSelection;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * {@code bevel detect}: runs a trained detector on every key frame of a folder whose images are
 * there.
 */
@Command(
    name = "detect",
    description = {
      "Detect objects; write results_nusc.json, bev.png and cameras.png.",
      "With several samples, the pictures of each drawn one also stand in a folder of its token."
    })
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class DetectCommand implements Callable<Integer> {
  private static final String FROM_ABOVE = "bev.png";
  private static final String CAMERAS = "cameras.png";

  @Spec private CommandSpec spec;

  @Option(
      names = "--checkpoint",
      required = true,
      paramLabel = "FILE",
      description = "What bevel train wrote; it carries its configuration.")
  private Path checkpoint;

  @Mixin private DataSetOptions dataSet;

  @Mixin private OverwriteOption overwrite;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder for the results; made if missing.")
  private Path out;

  @Option(
      names = "--score-threshold",
      paramLabel = "S",
      defaultValue = "0.1",
      description = "Detections in the JSON have a higher score (default: ${DEFAULT-VALUE}).")
  private double scoreThreshold;

  @Option(
      names = "--draw-threshold",
      paramLabel = "S",
      defaultValue = "0.3",
      description =
          "Detections in the pictures have at least this score (default: ${DEFAULT-VALUE}).")
  private double drawThreshold;

  @Option(
      names = "--pictures",
      paramLabel = "N",
      defaultValue = "16",
      description =
          "Draw at most N samples, spread evenly; 0 for none (default: ${DEFAULT-VALUE}).")
  private int pictures;

  @Override
  @SuppressWarnings("try") // the resources are there to be closed
  public Integer call() throws IOException {
    if (!(scoreThreshold >= 0 && scoreThreshold < 1 && drawThreshold >= 0 && drawThreshold <= 1)) {
      throw new ParameterException(
          spec.commandLine(),
          String.format(
              Locale.ROOT,
              "--score-threshold and --draw-threshold must be in [0, 1), got %s and %s",
              scoreThreshold,
              drawThreshold));
    }
    if (pictures < 0) {
      throw new ParameterException(
          spec.commandLine(), "--pictures must not be negative, got " + pictures);
    }
    NuScenes set = dataSet.load();
    SampleSelection selection = dataSet.toDetectIn(set);
    requireDrawable(selection.samples());
    PrintWriter print = spec.commandLine().getOut();
    RunFolder folder = new RunFolder(out);
    try (DetectorInference detector = DetectorInference.load(checkpoint);
        RunLock lock = folder.claim("bevel detect")) {
      overwrite.requireFree(written(folder, selection.samples()));
      selection.leftOut().ifPresent(print::println);
      detect(
          detector, set, selection.samples(), out.resolve(folder.results().getFileName()), print);
    }
    print.flush();
    return 0;
  }

  /** The files that the command writes. */
  private List<Path> written(RunFolder folder, List<DetectionSample> samples) {
    List<Path> files = new ArrayList<>(List.of(folder.results()));
    for (int i = 0; i < samples.size(); i++) {
      if (isDrawn(i, samples.size(), pictures)) {
        for (Path of : pictureFolders(samples.get(i), samples.size(), i == 0)) {
          files.add(of.resolve(FROM_ABOVE));
          files.add(of.resolve(CAMERAS));
        }
      }
    }
    return files;
  }

  /** What would end the command in its middle ends it now. */
  private void requireDrawable(List<DetectionSample> samples) {
    for (int i = 0; i < samples.size(); i++) {
      DetectionSample sample = samples.get(i);
      Path unused = pictures > 0 ? pictureFolder(sample) : out;
      if (isDrawn(i, samples.size(), pictures) && sample.hasLidar()) {
        sample.requireLidar();
      }
    }
  }

  @SuppressWarnings("try") // the shutdown is there to be closed
  private void detect(
      DetectorInference detector,
      NuScenes set,
      List<DetectionSample> samples,
      Path results,
      PrintWriter print) {
    AtomicBoolean toldToEnd = new AtomicBoolean();
    double[] total = {0};
    try (OrderlyShutdown shutdown = new OrderlyShutdown(() -> toldToEnd.set(true))) {
      new DetectionRun(scoreThreshold, toldToEnd::get)
          .write(
              detector.config().detector().name(),
              detector::detect,
              samples,
              results,
              (index, detections, milliseconds) -> {
                total[0] += milliseconds;
                if (isDrawn(index, samples.size(), pictures)) {
                  draw(set, samples.get(index), detections, samples.size(), index == 0);
                  tell(print, samples.get(index), detections, milliseconds);
                }
              });
    }
    print.printf(
        Locale.ROOT,
        "wrote %s%s: %s, %.0f ms each%n",
        results,
        pictures > 0 ? " and the pictures beside it" : "",
        Counted.of(samples.size(), "sample"),
        total[0] / samples.size());
  }

  /** Whether a sample is one of at most {@code wanted}, the first among them, spread evenly. */
  static boolean isDrawn(int index, int count, int wanted) {
    return Math.floorDiv((long) index * wanted, count)
        != Math.floorDiv((index - 1L) * wanted, count);
  }

  private void tell(
      PrintWriter print, DetectionSample sample, List<Detection> detections, double milliseconds) {
    print.printf(
        Locale.ROOT,
        "%s (%s): %s, %d of them at score %s or more, %.0f ms%n",
        Printable.of(sample.token(), 80),
        Printable.of(sample.sceneName(), 80),
        Counted.of(detections.size(), "detection"),
        detections.stream().filter(d -> d.score() >= drawThreshold).count(),
        drawThreshold,
        milliseconds);
  }

  private void draw(
      NuScenes set,
      DetectionSample sample,
      List<Detection> detections,
      int samples,
      boolean first) {
    SamplePictures drawn =
        new SamplePictures(set, set.sample(sample.token()))
            .withDetections(detections, drawThreshold);
    var above = drawn.bev();
    var cameras = drawn.cameras();
    for (Path folder : pictureFolders(sample, samples, first)) {
      Pictures.writePng(above, folder.resolve(FROM_ABOVE));
      Pictures.writePng(cameras, folder.resolve(CAMERAS));
    }
  }

  /** Where the pictures of a sample go: those of the first one beside the results too. */
  private List<Path> pictureFolders(DetectionSample sample, int samples, boolean first) {
    if (samples == 1) {
      return List.of(out);
    }
    Path own = pictureFolder(sample);
    return first ? List.of(out, own) : List.of(own);
  }

  private Path pictureFolder(DetectionSample sample) {
    boolean taken =
        Stream.concat(
                new RunFolder(out).files().stream().map(file -> file.getFileName().toString()),
                Stream.of(RunLock.NAME, FROM_ABOVE, CAMERAS))
            .anyMatch(sample.token()::equals);
    if (taken) {
      throw new NuScenesException(
          "table sample: a token, which names a folder of pictures, is the name of one of the"
              + " run's own files: '"
              + sample.token()
              + "'; give --pictures 0");
    }
    return PathNames.child(
        out, sample.token(), "table sample: a token, which names a folder of pictures,");
  }
}
