package dev.bevel.cli;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.draw.Pictures;
import dev.bevel.nuscenes.draw.SamplePictures;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bevel render}: pictures of one key frame. */
@Command(
    name = "render",
    description = {
      "Draw a key frame: its camera images with boxes, and a picture from above.",
      "cameras.png has the images; bev.png has LiDAR points, boxes, tracks and, where the data set"
          + " has it, the map."
    })
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class RenderCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private DataFolderOptions dataSet;

  @Option(
      names = "--sample",
      required = true,
      paramLabel = "TOKEN",
      description = "Token of the key frame.")
  private String sample;

  @Option(
      names = "--results",
      paramLabel = "FILE",
      description = "A submission: its detections of the sample are drawn too.")
  private @Nullable Path results;

  @Option(
      names = "--score-threshold",
      paramLabel = "S",
      defaultValue = "0.3",
      converter = Numbers.Share.class,
      description =
          "Detections that are drawn have at least this score (default: ${DEFAULT-VALUE}).")
  private double scoreThreshold;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder for the pictures; made if missing.")
  private Path out;

  @Mixin private OverwriteOption overwrite;

  @Override
  public Integer call() {
    Places.requireNewFolder(spec, "--out", out);
    Path camerasFile = out.resolve("cameras.png");
    Path bevFile = out.resolve("bev.png");
    overwrite.requireFree(List.of(camerasFile, bevFile));
    NuScenes set = dataSet.load();
    SamplePictures pictures = new SamplePictures(set, set.sample(sample));
    if (results != null) {
      pictures.withDetections(SubmissionReader.readSample(results, sample), scoreThreshold);
    }
    var cameras = pictures.cameras();
    var bev = pictures.bev();
    Pictures.writePng(cameras, camerasFile);
    Pictures.writePng(bev, bevFile);
    PrintWriter print = spec.commandLine().getOut();
    pictures.missing().forEach(what -> print.println("bev.png: " + what));
    print.println("wrote cameras.png and bev.png to " + out);
    print.flush();
    return 0;
  }
}
