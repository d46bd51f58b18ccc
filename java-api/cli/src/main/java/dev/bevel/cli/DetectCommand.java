package dev.bevel.cli;

import dev.bevel.kernels.Bevel;
import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Printable;
import dev.bevel.nuscenes.SampleSelection;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunFolder.Detector;
import dev.bevel.nuscenes.report.RunLock;
import dev.bevel.torch.train.DetectorInference;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code bevel detect}: runs a trained detector on every key frame of a folder whose images are
 * there.
 */
@Command(
    name = "detect",
    description = {
      "Detect objects; write results_nusc.json, bev.png and cameras.png.",
      "With several samples, the pictures of each drawn one also stand in pictures/TOKEN."
    })
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class DetectCommand implements Callable<Integer> {
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
      converter = Numbers.ShareBelowOne.class,
      description = "Detections in the JSON have a higher score (default: ${DEFAULT-VALUE}).")
  private double scoreThreshold;

  @Option(
      names = "--draw-threshold",
      paramLabel = "S",
      defaultValue = "0.3",
      converter = Numbers.Share.class,
      description =
          "Detections in the pictures have at least this score (default: ${DEFAULT-VALUE}).")
  private double drawThreshold;

  @Option(
      names = "--pictures",
      paramLabel = "N",
      defaultValue = "16",
      converter = Numbers.Natural.class,
      description =
          "Draw at most N samples, spread evenly; 0 for none (default: ${DEFAULT-VALUE}).")
  private int mostPictures;

  @Override
  @SuppressWarnings("try") // the resources are there to be closed
  public Integer call() throws IOException {
    Places.requireNewFolder(spec, "--out", out);
    int unused = Bevel.threads(); // BEVEL_NUM_THREADS is sound, or nothing is begun
    NuScenes set = dataSet.load();
    SampleSelection selection = dataSet.toDetectIn(set);
    DetectionPictures pictures =
        new DetectionPictures(
            out, selection.samples(), mostPictures, set.tables().samples().keySet());
    pictures.requireDrawable();
    PrintWriter print = spec.commandLine().getOut();
    RunFolder folder = new RunFolder(out);
    requireFree(folder, pictures);
    try (DetectorInference detector = DetectorInference.load(checkpoint);
        RunLock lock = folder.claim("bevel detect")) {
      pictures = pictures.withTokens(folder.detector().map(Detector::pictures).orElse(List.of()));
      requireFree(folder, pictures);
      pictures.discard();
      selection.leftOut().ifPresent(print::println);
      detect(detector, set, pictures, out.resolve(folder.results().getFileName()), print);
      DetectionRun.describe(folder, detector, checkpoint, pictures.drawnTokens());
    }
    print.flush();
    return 0;
  }

  private void requireFree(RunFolder folder, DetectionPictures pictures) throws IOException {
    List<Path> files = new ArrayList<>(List.of(folder.results()));
    files.addAll(pictures.files());
    overwrite.requireFree(files);
  }

  @SuppressWarnings("try") // the shutdown is there to be closed
  private void detect(
      DetectorInference detector,
      NuScenes set,
      DetectionPictures pictures,
      Path results,
      PrintWriter print)
      throws IOException {
    List<DetectionSample> samples = pictures.samples();
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
                if (pictures.isDrawn(index)) {
                  pictures.draw(set, index, detections, drawThreshold);
                  tell(print, samples.get(index), detections, milliseconds);
                }
              });
      pictures.finish();
    } finally {
      pictures.discard();
    }
    print.printf(
        Locale.ROOT,
        "wrote %s%s: %s, %.0f ms each%n",
        results,
        mostPictures > 0 ? " and the pictures beside it" : "",
        Counted.of(samples.size(), "sample"),
        total[0] / samples.size());
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
}
