package dev.bevel.nuscenes.validation;

import dev.bevel.nuscenes.Counted;
import java.util.Comparator;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * The vehicle and the annotated objects stand upright, stay below 60 m/s and point where they
 * drive; objects are near the vehicle and keep their size. A quaternion in another order, a pose in
 * another frame or a time in another unit breaks one of these.
 */
final class MotionCheck {
  private static final double MAX_SPEED = 60;

  /** No vehicle reverses or skids so fast. */
  private static final double DRIVING_SPEED = 5;

  private static final double EGO_HEADING = Math.toRadians(30);
  private static final double OBJECT_HEADING = Math.toRadians(60);
  private static final double MAX_TILT = Math.toRadians(30);

  /** Ego poses have z = 0 in the released data. */
  private static final double MAX_EGO_HEIGHT = 1e-3;

  private static final double MAX_DISTANCE = 250;

  /** Of an object's largest to its smallest extent along one axis, over its life. */
  private static final double MAX_SIZE_RATIO = 1.5;

  /** Longer gaps say nothing about headings. */
  private static final double MAX_STEP_SECONDS = 1;

  /** Steps of one object, fewer prove nothing. */
  private static final int MIN_STEPS = 3;

  private final DataSet set;
  private final Findings findings;
  private final TableData poses;
  private final TableData annotations;
  private final Column.Longs sampleTime;

  private MotionCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.poses = set.table("ego_pose");
    this.annotations = set.table("sample_annotation");
    this.sampleTime = set.table("sample").longs("timestamp");
  }

  static void run(DataSet set, Findings findings) {
    MotionCheck check = new MotionCheck(set, findings);
    check.upright(check.poses);
    check.upright(check.annotations);
    check.egoHeights();
    check.egoSteps();
    check.objectSpeeds();
    check.objects();
    check.distances();
  }

  private void upright(TableData table) {
    for (int row = 0; row < table.rows(); row++) {
      if (RigidTransform.isKnown(table, row)) {
        double up = RigidTransform.of(table, row).axis(2, 2);
        if (up < Math.cos(MAX_TILT)) {
          fault(
              table,
              row,
              "rotation",
              "an upright pose: its z axis within 30° of the vertical",
              String.format(
                  Locale.ROOT, "%.0f°", Math.toDegrees(Math.acos(Math.clamp(up, -1, 1)))));
        }
      }
    }
  }

  private void egoHeights() {
    Column.Doubles translation = poses.doubles("translation");
    for (int row = 0; row < poses.rows(); row++) {
      if (Math.abs(translation.get(row, 2)) > MAX_EGO_HEIGHT) {
        fault(poses, row, "translation", "z = 0", "z = " + translation.get(row, 2));
      }
    }
  }

  /** Along each channel, and from the LiDAR to the other key-frame files of a sample. */
  private void egoSteps() {
    TableData data = set.table("sample_data");
    int[] next = data.resolve("next", data);
    int[] lidar = set.keyFiles("LIDAR_TOP");
    for (int row = 0; row < data.rows(); row++) {
      egoStep(data, row, next[row]);
      int sample = set.dataSample[row];
      if (sample != TableData.NONE && set.isKeyFrame(row) && lidar[sample] != row) {
        egoStep(data, row, lidar[sample]);
      }
    }
  }

  private void egoStep(TableData data, int from, int to) {
    if (to == TableData.NONE) {
      return;
    }
    int a = set.dataPose[from];
    int b = set.dataPose[to];
    long start = data.longs("timestamp").get(from);
    long end = data.longs("timestamp").get(to);
    if (start == Column.Longs.MISSING || end == Column.Longs.MISSING) {
      return;
    }
    if (!RigidTransform.isKnown(poses, a) || !RigidTransform.isKnown(poses, b) || a == b) {
      return;
    }
    Column.Doubles at = poses.doubles("translation");
    double dx = at.get(b, 0) - at.get(a, 0);
    double dy = at.get(b, 1) - at.get(a, 1);
    double distance = Math.hypot(dx, dy);
    double seconds = Math.abs(end - start) * 1e-6;
    // A centimetre of noise, so that poses of nearly the same time pass.
    if (distance > MAX_SPEED * seconds + 0.01) {
      fault(
          poses,
          b,
          "translation",
          String.format(
              Locale.ROOT, "at most %.0f m/s from ego pose %s on", MAX_SPEED, poses.label(a)),
          String.format(Locale.ROOT, "%.3f m in %.3f s", distance, seconds));
    } else if (distance > DRIVING_SPEED * seconds && distance > 0.1) {
      double sign = Math.signum((end - start));
      RigidTransform pose = RigidTransform.of(poses, a);
      double angle = angle(pose, sign * dx, sign * dy);
      if (angle > EGO_HEADING) {
        fault(
            poses,
            a,
            "rotation",
            "within 30° of the way it drives, towards ego pose " + poses.label(b),
            String.format(Locale.ROOT, "%.0f°", Math.toDegrees(angle)));
      }
    }
  }

  /** Between a pose's x axis and a direction, seen from above. */
  private static double angle(RigidTransform pose, double dx, double dy) {
    double x = pose.axis(0, 0);
    double y = pose.axis(0, 1);
    return Math.abs(Math.atan2(x * dy - y * dx, x * dx + y * dy));
  }

  private void objectSpeeds() {
    int[] next = annotations.resolve("next", annotations);
    Column.Doubles at = annotations.doubles("translation");
    for (int row = 0; row < annotations.rows(); row++) {
      double seconds = next[row] == TableData.NONE ? 0 : seconds(row, next[row]);
      if (seconds > 0) {
        double distance =
            Math.hypot(
                at.get(next[row], 0) - at.get(row, 0), at.get(next[row], 1) - at.get(row, 1));
        if (distance > MAX_SPEED * seconds) {
          fault(
              annotations,
              next[row],
              "translation",
              String.format(
                  Locale.ROOT,
                  "at most %.0f m/s from annotation %s on",
                  MAX_SPEED,
                  annotations.label(row)),
              String.format(Locale.ROOT, "%.1f m in %.3f s", distance, seconds));
        }
      }
    }
  }

  /** Seconds from one annotation to another; 0 if not known. */
  private double seconds(int from, int to) {
    int a = set.annotationSample[from];
    int b = set.annotationSample[to];
    if (a == TableData.NONE || b == TableData.NONE) {
      return 0;
    }
    long start = sampleTime.get(a);
    long end = sampleTime.get(b);
    boolean known = start != Column.Longs.MISSING && end != Column.Longs.MISSING;
    return known ? (end - start) * 1e-6 : 0;
  }

  private void objects() {
    TableData instances = set.table("instance");
    TableData categories = set.table("category");
    int[] category = instances.resolve("category_token", categories);
    Members members = new Members(set.annotationInstance, instances.rows());
    int[] next = annotations.resolve("next", annotations);
    for (int instance = 0; instance < instances.rows(); instance++) {
      sizes(members, instance);
      if (category[instance] != TableData.NONE
          && categories.text("name", category[instance]).startsWith("vehicle.")) {
        headings(members, instance, next);
      }
    }
  }

  private void sizes(Members members, int instance) {
    Column.Doubles size = annotations.doubles("size");
    for (int axis = 0; axis < 3; axis++) {
      int least = TableData.NONE;
      int most = TableData.NONE;
      for (int i = 0; i < members.count(instance); i++) {
        int row = members.row(instance, i);
        if (size.isMissing(row)) {
          continue;
        }
        double extent = size.get(row, axis);
        least = least == TableData.NONE || extent < size.get(least, axis) ? row : least;
        most = most == TableData.NONE || extent > size.get(most, axis) ? row : most;
      }
      if (most != TableData.NONE && size.get(most, axis) > MAX_SIZE_RATIO * size.get(least, axis)) {
        int count = members.count(instance);
        // The one that differs from a third record of the object, where there is one.
        int median = middle(members, instance, axis, count);
        boolean mostIsOdd =
            size.get(most, axis) / size.get(median, axis)
                >= size.get(median, axis) / size.get(least, axis);
        fault(
            annotations,
            mostIsOdd ? most : least,
            String.format(Locale.ROOT, "size[%d]", axis),
            String.format(
                Locale.ROOT,
                "within a factor of %.1f of the same object's %.3f m in annotation %s",
                MAX_SIZE_RATIO,
                size.get(mostIsOdd ? least : most, axis),
                annotations.label(mostIsOdd ? least : most)),
            String.valueOf(size.get(mostIsOdd ? most : least, axis)));
      }
    }
  }

  private int middle(Members members, int instance, int axis, int count) {
    Column.Doubles size = annotations.doubles("size");
    return IntStream.range(0, count)
        .map(i -> members.row(instance, i))
        .filter(row -> !size.isMissing(row))
        .boxed()
        .sorted(Comparator.comparingDouble(row -> size.get(row, axis)))
        .skip((count - 1) / 2)
        .findFirst()
        .orElseThrow();
  }

  /** A vehicle may reverse or be towed for a moment, not for most of its fast way. */
  private void headings(Members members, int instance, int[] next) {
    Column.Doubles at = annotations.doubles("translation");
    int steps = 0;
    int wrong = 0;
    int example = TableData.NONE;
    double exampleAngle = 0;
    for (int i = 0; i < members.count(instance); i++) {
      int row = members.row(instance, i);
      int to = next[row];
      double seconds = to == TableData.NONE ? 0 : seconds(row, to);
      if (seconds <= 0
          || seconds > MAX_STEP_SECONDS
          || !RigidTransform.isKnown(annotations, row)
          || at.isMissing(to)) {
        continue;
      }
      double dx = at.get(to, 0) - at.get(row, 0);
      double dy = at.get(to, 1) - at.get(row, 1);
      if (Math.hypot(dx, dy) < DRIVING_SPEED * seconds) {
        continue;
      }
      steps++;
      double angle = angle(RigidTransform.of(annotations, row), dx, dy);
      if (angle > OBJECT_HEADING) {
        wrong++;
        example = row;
        exampleAngle = angle;
      }
    }
    if (steps >= MIN_STEPS && wrong > steps / 2) {
      fault(
          annotations,
          example,
          "rotation",
          "a vehicle that points within 60° of the way it drives",
          String.format(
              Locale.ROOT,
              "%.0f° here, and more than 60° in %d of its %s above %.0f m/s",
              Math.toDegrees(exampleAngle),
              wrong,
              Counted.of(steps, "step"),
              DRIVING_SPEED));
    }
  }

  private void distances() {
    int[] lidar = set.keyFiles("LIDAR_TOP");
    Column.Doubles at = annotations.doubles("translation");
    Column.Doubles ego = poses.doubles("translation");
    for (int row = 0; row < annotations.rows(); row++) {
      int sample = set.annotationSample[row];
      int file = sample == TableData.NONE ? TableData.NONE : lidar[sample];
      int pose = file == TableData.NONE ? TableData.NONE : set.dataPose[file];
      if (pose == TableData.NONE) {
        continue;
      }
      double distance =
          Math.hypot(at.get(row, 0) - ego.get(pose, 0), at.get(row, 1) - ego.get(pose, 1));
      if (distance > MAX_DISTANCE) {
        fault(
            annotations,
            row,
            "translation",
            String.format(
                Locale.ROOT, "at most %.0f m from ego pose %s", MAX_DISTANCE, poses.label(pose)),
            String.format(Locale.ROOT, "%.1f m", distance));
      }
    }
  }

  private void fault(TableData table, int row, String field, String expected, String actual) {
    findings.add(new Finding(Rule.MOTION, table.name(), table.label(row), field, expected, actual));
  }
}
