package dev.bevel.cli;

import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.SubmissionWriter;
import dev.bevel.nuscenes.draw.BevPicture;
import dev.bevel.nuscenes.draw.CameraPicture;
import dev.bevel.nuscenes.draw.Pictures;
import dev.bevel.torch.train.DetectorInference;
import dev.bevel.torch.train.DetectorTraining;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
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
      "With several samples, the pictures of each also stand in a folder of its token."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class DetectCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--checkpoint",
      required = true,
      paramLabel = "FILE",
      description = "What bevel train wrote; it carries its configuration.")
  private Path checkpoint;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "DIR",
      description = "nuScenes folder; samples whose six images are there are used.")
  private Path data;

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

  @Override
  @SuppressWarnings("try") // the resources are there to be closed
  public Integer call() throws IOException {
    if (!(scoreThreshold >= 0 && scoreThreshold < 1 && drawThreshold >= 0 && drawThreshold <= 1)) {
      throw new ParameterException(
          spec.commandLine(),
          "--score-threshold and --draw-threshold must be in [0, 1), got %s and %s"
              .formatted(scoreThreshold, drawThreshold));
    }
    List<DetectionSample> samples = DetectorTraining.usableSamples(NuScenes.load(data));
    PrintWriter print = spec.commandLine().getOut();
    Path results = out.resolve("results_nusc.json");
    AtomicBoolean toldToEnd = new AtomicBoolean();
    DetectorInference detector = DetectorInference.load(checkpoint);
    try (OrderlyShutdown shutdown = new OrderlyShutdown(() -> toldToEnd.set(true));
        detector) {
      Files.createDirectories(out);
      try (SubmissionWriter writer = new SubmissionWriter(results, SubmissionWriter.Meta.CAMERA)) {
        for (DetectionSample sample : samples) {
          if (toldToEnd.get()) {
            throw new IllegalStateException(
                results + " is not written: told to end before all samples were seen");
          }
          long start = System.nanoTime();
          List<Detection> detections = detector.detect(sample, scoreThreshold);
          double milliseconds = (System.nanoTime() - start) * 1e-6;
          writer.write(sample.token(), sample.egoToGlobal(), detections);
          draw(sample, detections, samples);
          print.printf(
              "%s (%s): %d detections, %d of them at score %s or more, %.0f ms%n",
              sample.token(),
              sample.sceneName(),
              detections.size(),
              detections.stream().filter(d -> d.score() >= drawThreshold).count(),
              drawThreshold,
              milliseconds);
        }
        writer.finish();
      }
    }
    print.println("wrote " + results + " and the pictures beside it");
    print.flush();
    return 0;
  }

  private void draw(DetectionSample sample, List<Detection> detections, List<DetectionSample> all) {
    BevPicture bev = new BevPicture(sample).withDetections(detections, drawThreshold);
    if (Files.isRegularFile(sample.lidar())) {
      bev.withLidar(sample.readLidar());
    }
    var above = bev.draw();
    var cameras = new CameraPicture(sample).withDetections(detections, drawThreshold).draw();
    if (sample.equals(all.getFirst())) {
      Pictures.writePng(above, out.resolve("bev.png"));
      Pictures.writePng(cameras, out.resolve("cameras.png"));
    }
    if (all.size() > 1) {
      Path folder = out.resolve(sample.token());
      Pictures.writePng(above, folder.resolve("bev.png"));
      Pictures.writePng(cameras, folder.resolve("cameras.png"));
    }
  }
}
