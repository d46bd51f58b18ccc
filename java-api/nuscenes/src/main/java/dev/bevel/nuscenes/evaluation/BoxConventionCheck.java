package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.BoxConvention;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.SubmissionWriter;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.TableRecord.SampleData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * The self-check of a box convention: ground truth, brought to a frame, encoded, decoded and
 * exported as a submission, must be found by the benchmark without an error of place, size or
 * heading. Swapped sides, a turned or mirrored yaw and a shifted centre all show.
 */
public final class BoxConventionCheck {
  /** Errors up to this are rounding. */
  public static final double ROUNDING = 1e-9;

  private BoxConventionCheck() {}

  /** Where the boxes are encoded. */
  public enum Frame {
    /** The map's, in which annotated boxes stand upright: nothing may be lost. */
    GLOBAL,
    /**
     * The vehicle's at the key frame. It rolls and pitches a little, and nine numbers hold only the
     * heading: the orientation error is not 0 but of the order of the tilt's square.
     */
    EGO,
    /** LIDAR_TOP's, which is tilted likewise. */
    LIDAR
  }

  /**
   * What the benchmark finds, as means over the classes that have ground truth. (The benchmark's
   * own mATE, mASE and mAOE are these where all ten classes have; it counts 1 for each that has
   * not.)
   *
   * @param classes with ground truth that counts
   * @param complete whether every object was found within 2 m
   * @param translation mean translation error, metres
   * @param scale mean scale error, 1 − IoU
   * @param orientation mean orientation error, radians
   */
  public record Result(
      List<DetectionClass> classes,
      boolean complete,
      double translation,
      double scale,
      double orientation) {
    /** Copies. */
    public Result {
      classes = List.copyOf(classes);
    }

    /**
     * Fails unless everything was found without an error.
     *
     * @param tolerance of the three errors, {@link #ROUNDING} for boxes encoded in the global frame
     * @throws NuScenesException with the figures if an error is larger, or not everything was found
     */
    public void require(double tolerance) {
      if (!complete
          || !(translation <= tolerance)
          || !(scale <= tolerance)
          || !(orientation <= tolerance)) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "box convention: ground truth as prediction must be found %s, got mATE %s, mASE %s, mAOE %s%s",
                "with errors of at most " + tolerance,
                translation,
                scale,
                orientation,
                complete ? "" : " and objects not found"));
      }
    }
  }

  /**
   * Runs the check.
   *
   * @param sceneNames whose key frames are taken
   * @throws NuScenesException if none of the scenes is there, they hold no ground truth, or a
   *     temporary file cannot be written
   */
  public static Result run(
      NuScenes set, Collection<String> sceneNames, BoxConvention convention, Frame frame) {
    return run(set, sceneNames, frame, box -> convention.decode(convention.encode(box)));
  }

  /** The same with any way to encode and decode. */
  static Result run(
      NuScenes set, Collection<String> sceneNames, Frame frame, UnaryOperator<Box3d> thereAndBack) {
    Path file = temporaryFile();
    try {
      export(set, new HashSet<>(sceneNames), frame, thereAndBack, file);
      EvaluationSet truth = EvaluationSet.of(set, sceneNames);
      DetectionMetrics metrics =
          DetectionEvaluation.evaluate(truth, SubmissionReader.read(file, truth));
      return result(metrics, truth);
    } finally {
      delete(file);
    }
  }

  private static void export(
      NuScenes set,
      Set<String> sceneNames,
      Frame frame,
      UnaryOperator<Box3d> thereAndBack,
      Path file) {
    int written = 0;
    try (SubmissionWriter writer = new SubmissionWriter(file, SubmissionWriter.Meta.CAMERA)) {
      for (Sample sample : set.samples()) {
        if (sceneNames.contains(set.scene(sample).name())) {
          Pose toGlobal = toGlobal(set, sample, frame);
          List<Detection> detections =
              detections(set, sample, toGlobal.inverse(), thereAndBack, written);
          writer.write(sample.token(), toGlobal, detections);
          written += detections.size();
        }
      }
      writer.finish();
    }
  }

  private static Pose toGlobal(NuScenes set, Sample sample, Frame frame) {
    SampleData lidar = set.keyFrame(sample, DetectionSample.LIDAR_CHANNEL);
    return switch (frame) {
      case GLOBAL -> Pose.IDENTITY;
      case EGO -> set.egoPose(lidar).egoToGlobal();
      case LIDAR -> set.sensorToGlobal(lidar);
    };
  }

  private static List<Detection> detections(
      NuScenes set,
      Sample sample,
      Pose fromGlobal,
      UnaryOperator<Box3d> thereAndBack,
      int written) {
    List<Detection> detections = new ArrayList<>();
    for (SampleAnnotation annotation : set.annotations(sample)) {
      // Unobserved boxes are no ground truth for the benchmark and would count as false alarms.
      if (annotation.lidarPoints() + annotation.radarPoints() > 0) {
        Box3d box = set.globalBox(annotation).transformed(fromGlobal);
        // Of equal scores the benchmark's error curves show the first match only.
        double score = 1.0 / (1 + written + detections.size());
        set.detectionClass(annotation)
            .ifPresent(c -> detections.add(new Detection(thereAndBack.apply(box), c, score)));
      }
    }
    return detections;
  }

  private static Result result(DetectionMetrics metrics, EvaluationSet truth) {
    Set<DetectionClass> present = new HashSet<>();
    truth.filter(truth.truth()).forEach(box -> present.add(box.detectionClass()));
    List<DetectionClass> classes =
        EvaluationConfig.CLASSES.stream().filter(present::contains).toList();
    return new Result(
        classes,
        isComplete(metrics, classes),
        mean(metrics, classes, TruePositiveMetric.TRANSLATION),
        mean(metrics, classes, TruePositiveMetric.SCALE),
        mean(metrics, classes, TruePositiveMetric.ORIENTATION));
  }

  private static boolean isComplete(DetectionMetrics metrics, List<DetectionClass> classes) {
    return classes.stream()
        .map(each -> metrics.curve(each, EvaluationConfig.TRUE_POSITIVE_DISTANCE).confidence())
        .allMatch(confidence -> confidence[DetectionCurve.POINTS - 1] > 0);
  }

  private static double mean(
      DetectionMetrics metrics, List<DetectionClass> classes, TruePositiveMetric metric) {
    return classes.stream()
        .filter(metric::appliesTo)
        .mapToDouble(each -> metrics.error(each, metric))
        .average()
        .orElse(0);
  }

  private static Path temporaryFile() {
    try {
      return Files.createTempFile("bevel-box-convention", ".json");
    } catch (IOException e) {
      throw new NuScenesException("a temporary file cannot be made: " + e, e);
    }
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new NuScenesException("file " + file + " cannot be deleted: " + e, e);
    }
  }
}
