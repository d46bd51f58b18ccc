package dev.bevel.bench.nuscenes;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import dev.bevel.nuscenes.evaluation.EvaluationSettings;
import dev.bevel.nuscenes.evaluation.Submission;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The nuScenes detection score a second time, from its definition (Caesar et al., nuScenes, CVPR
 * 2020, and configuration {@code detection_cvpr_2019} of the nuScenes devkit) and as plainly as it
 * can be said: nothing is sorted, shared or indexed that need not be. For small sets; checks the
 * evaluator before it is timed.
 */
final class PlainEvaluation {
  private static final int POINTS = 101;
  private static final int METRICS = 5;

  private final NuScenes set;
  private final List<Sample> samples;
  private final List<EvaluationBox> detections;
  private final EvaluationSettings settings;

  /** The first point of a curve that counts. */
  private final int first;

  private PlainEvaluation(NuScenes set, Submission submission, EvaluationSettings settings) {
    this.settings = settings;
    this.first = (int) Math.round(100 * settings.minRecall()) + 1;
    this.set = set;
    this.samples = List.copyOf(set.samples());
    this.detections = submission.boxes();
  }

  /**
   * NDS.
   *
   * @param submission of all samples of the set
   */
  static double detectionScore(NuScenes set, Submission submission) {
    return detectionScore(set, submission, EvaluationSettings.BENCHMARK);
  }

  /** As {@link #detectionScore(NuScenes, Submission)}, with other thresholds. */
  static double detectionScore(NuScenes set, Submission submission, EvaluationSettings settings) {
    return new PlainEvaluation(set, submission, settings).detectionScore();
  }

  private record Truth(int sample, SampleAnnotation annotation, Box3d box) {}

  private record Match(double score, double[] errors) {}

  private double detectionScore() {
    double precisions = 0;
    double[] errors = new double[METRICS];
    int[] classes = new int[METRICS];
    for (DetectionClass kind : DetectionClass.values()) {
      for (double distance : settings.matchDistances()) {
        double[] figures = figures(kind, distance);
        precisions += figures[METRICS] / settings.matchDistances().size() / 10;
        for (int metric = 0;
            metric < METRICS && distance == settings.truePositiveDistance();
            metric++) {
          boolean cone = kind == DetectionClass.TRAFFIC_CONE;
          boolean counts = metric < (cone ? 2 : kind == DetectionClass.BARRIER ? 3 : METRICS);
          errors[metric] += counts ? figures[metric] : 0;
          classes[metric] += counts ? 1 : 0;
        }
      }
    }
    double scores = 0;
    for (int metric = 0; metric < METRICS; metric++) {
      scores += Math.max(0, 1 - errors[metric] / classes[metric]);
    }
    return (settings.meanApWeight() * precisions + scores) / (settings.meanApWeight() + METRICS);
  }

  /** Five mean errors (translation, scale, orientation, velocity, attribute), then AP. */
  private double[] figures(DetectionClass kind, double distance) {
    List<Truth> truth = truth(kind);
    List<EvaluationBox> found = found(kind);
    Set<Truth> taken = new HashSet<>();
    List<Match> matches = new ArrayList<>();
    List<Double> precision = new ArrayList<>();
    List<Double> recall = new ArrayList<>();
    List<Double> score = new ArrayList<>();
    for (EvaluationBox box : found) {
      Truth nearest = null;
      for (Truth each : truth) {
        boolean free = each.sample == box.sample() && !taken.contains(each);
        if (free && (nearest == null || distance(box, each) < distance(box, nearest))) {
          nearest = each;
        }
      }
      if (nearest != null && distance(box, nearest) < distance) {
        taken.add(nearest);
        matches.add(new Match(box.score(), errors(box, nearest)));
      }
      precision.add(matches.size() / (precision.size() + 1.0));
      recall.add(matches.size() / (double) truth.size());
      score.add(box.score());
    }
    double[] figures = {1, 1, 1, 1, 1, 0};
    if (matches.isEmpty()) {
      return figures;
    }
    double sum = 0;
    double[] confidence = new double[POINTS];
    int last = 0;
    for (int point = 0; point < POINTS; point++) {
      double at = point == POINTS - 1 ? 1 : point * 0.01;
      confidence[point] = interpolated(at, recall, score, 0);
      last = confidence[point] != 0 ? point : last;
      double above = interpolated(at, recall, precision, 0) - settings.minPrecision();
      sum += point >= first ? Math.max(0, above) : 0;
    }
    figures[METRICS] = sum / (POINTS - first) / (1 - settings.minPrecision());
    for (int metric = 0; metric < METRICS && last >= first; metric++) {
      figures[metric] = meanError(matches, metric, confidence, last);
    }
    return figures;
  }

  /** Over the recalls that count, the mean of the errors of all matches of that score and up. */
  private double meanError(List<Match> matches, int metric, double[] confidence, int last) {
    List<Double> scores = new ArrayList<>();
    List<Double> means = new ArrayList<>();
    double sum = 0;
    int known = 0;
    for (Match match : matches) {
      double error = match.errors[metric];
      sum += Double.isNaN(error) ? 0 : error;
      known += Double.isNaN(error) ? 0 : 1;
      scores.addFirst(match.score);
      means.addFirst(known == 0 ? 0 : sum / known);
    }
    if (known == 0) {
      return 1;
    }
    double total = 0;
    for (int point = first; point <= last; point++) {
      total += interpolated(confidence[point], scores, means, means.getLast());
    }
    return total / (last - first + 1);
  }

  /** As NumPy's interp; of equal abscissas the last counts. */
  private static double interpolated(double x, List<Double> xs, List<Double> ys, double beyond) {
    int n = xs.size();
    if (x < xs.getFirst() || x > xs.getLast()) {
      return x > xs.getLast() ? beyond : ys.getFirst();
    }
    int i = IntStream.range(0, n).filter(each -> xs.get(each) <= x).max().orElseThrow();
    if (i == n - 1) {
      return ys.getLast();
    }
    double slope = (ys.get(i + 1) - ys.get(i)) / (xs.get(i + 1) - xs.get(i));
    return slope * (x - xs.get(i)) + ys.get(i);
  }

  /** By falling score, of equal scores the later first. */
  private List<EvaluationBox> found(DetectionClass kind) {
    Comparator<Integer> order = Comparator.comparingDouble(i -> detections.get(i).score());
    return IntStream.range(0, detections.size())
        .boxed()
        .filter(i -> detections.get(i).detectionClass() == kind)
        .filter(i -> counts(detections.get(i)))
        .sorted(order.thenComparing(Comparator.naturalOrder()).reversed())
        .map(detections::get)
        .toList();
  }

  private boolean counts(EvaluationBox box) {
    return counts(box.detectionClass(), box.sample(), box.x(), box.y(), box.z());
  }

  private List<Truth> truth(DetectionClass kind) {
    List<Truth> truth = new ArrayList<>();
    for (int i = 0; i < samples.size(); i++) {
      for (SampleAnnotation each : set.annotations(samples.get(i))) {
        Box3d box = set.globalBox(each);
        boolean ofKind = set.detectionClass(each).filter(kind::equals).isPresent();
        boolean seen = each.lidarPoints() + each.radarPoints() > 0;
        if (ofKind && seen && counts(kind, i, box.x(), box.y(), box.z())) {
          truth.add(new Truth(i, each, box));
        }
      }
    }
    return truth;
  }

  /** Whether it is in range, and no bicycle or motorcycle in a rack. */
  private boolean counts(DetectionClass kind, int sample, double x, double y, double z) {
    var ego = set.egoPose(set.keyFrame(samples.get(sample), "LIDAR_TOP")).egoToGlobal();
    double distance = Math.hypot(x - ego.tx(), y - ego.ty());
    boolean cycle = kind == DetectionClass.BICYCLE || kind == DetectionClass.MOTORCYCLE;
    boolean racked =
        cycle
            && set.annotations(samples.get(sample)).stream()
                .filter(each -> set.categoryName(each).equals("static_object.bicycle_rack"))
                .anyMatch(each -> each.box().contains(x, y, z));
    return distance < settings.range(kind) && !racked;
  }

  private static double distance(EvaluationBox box, Truth truth) {
    return Math.sqrt(square(box.x() - truth.box.x()) + square(box.y() - truth.box.y()));
  }

  private double[] errors(EvaluationBox found, Truth truth) {
    Box3d box = truth.box;
    double shared =
        Math.min(found.width(), box.width())
            * Math.min(found.length(), box.length())
            * Math.min(found.height(), box.height());
    double both =
        found.width() * found.length() * found.height() + box.width() * box.length() * box.height();
    double turn = Math.abs(found.yaw() - box.yaw()) % (2 * Math.PI);
    turn = Math.min(turn, 2 * Math.PI - turn);
    if (found.detectionClass() == DetectionClass.BARRIER) {
      turn = Math.min(turn, Math.PI - turn);
    }
    List<String> attributes = set.attributeNames(truth.annotation);
    return new double[] {
      distance(found, truth),
      1 - shared / (both - shared),
      turn,
      Math.sqrt(square(found.vx() - box.vx()) + square(found.vy() - box.vy())),
      attributes.isEmpty() ? Double.NaN : attributes.contains(found.attribute()) ? 0 : 1
    };
  }

  private static double square(double value) {
    return value * value;
  }
}
