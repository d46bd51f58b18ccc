package dev.bevel.nuscenes.validation;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The six cameras of a sample together look all around: each direction of the horizon lies in the
 * picture of at least one. A camera that is turned by more than its overlap with its neighbours, or
 * has the matrix of another lens, leaves a gap.
 */
final class SurroundCheck {
  private static final int CAMERAS = 6;
  private static final int DIRECTIONS = 360;

  private final DataSet set;
  private final Findings findings;
  private final TableData calibrations;
  private final Set<List<Integer>> done = new HashSet<>();

  private SurroundCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.calibrations = set.table("calibrated_sensor");
  }

  static void run(DataSet set, Findings findings) {
    SurroundCheck check = new SurroundCheck(set, findings);
    Members files = new Members(set.dataSample, set.table("sample").rows());
    for (int sample = 0; sample < set.table("sample").rows(); sample++) {
      check.sample(files, sample);
    }
  }

  private void sample(Members files, int sample) {
    List<Integer> cameras = new ArrayList<>();
    List<Integer> rows = new ArrayList<>();
    for (int i = 0; i < files.count(sample); i++) {
      int row = files.row(sample, i);
      if (set.isKeyFrame(row) && MountingCheck.isSurroundCamera(set.channel(row))) {
        cameras.add(set.dataCalibration[row]);
        rows.add(row);
      }
    }
    if (cameras.size() == CAMERAS && done.add(cameras)) {
      List<Integer> unseen = unseen(rows);
      if (!unseen.isEmpty()) {
        report(cameras, unseen);
      }
    }
  }

  /** Degrees of yaw in the ego frame that no camera sees. */
  private List<Integer> unseen(List<Integer> rows) {
    boolean[] seen = new boolean[DIRECTIONS];
    for (int row : rows) {
      int calibration = set.dataCalibration[row];
      int width = set.table("sample_data").ints("width").get(row);
      if (width == Column.Ints.MISSING
          || !RigidTransform.isKnown(calibrations, calibration)
          || calibrations.doubles("camera_intrinsic").isMissing(calibration)) {
        return List.of();
      }
      RigidTransform mount = RigidTransform.of(calibrations, calibration);
      double[] k = calibrations.doubles("camera_intrinsic").get(calibration);
      for (int yaw = 0; yaw < DIRECTIONS; yaw++) {
        double x = Math.cos(Math.toRadians(yaw));
        double y = Math.sin(Math.toRadians(yaw));
        double depth = mount.axis(2, 0) * x + mount.axis(2, 1) * y;
        double right = mount.axis(0, 0) * x + mount.axis(0, 1) * y;
        double down = mount.axis(1, 0) * x + mount.axis(1, 1) * y;
        double u = k[0] * right + k[1] * down + k[2] * depth;
        seen[yaw] |= depth > 0 && u >= 0 && u <= width * depth;
      }
    }
    List<Integer> unseen = new ArrayList<>();
    for (int yaw = 0; yaw < DIRECTIONS; yaw++) {
      if (!seen[yaw]) {
        unseen.add(yaw);
      }
    }
    return unseen;
  }

  /** At the camera whose picture's middle is nearest to the gap. */
  private void report(List<Integer> cameras, List<Integer> unseen) {
    double gap = Math.toRadians(unseen.get(unseen.size() / 2));
    int nearest = cameras.getFirst();
    double most = Double.NEGATIVE_INFINITY;
    for (int camera : cameras) {
      RigidTransform mount = RigidTransform.of(calibrations, camera);
      double cosine = mount.axis(2, 0) * Math.cos(gap) + mount.axis(2, 1) * Math.sin(gap);
      if (cosine > most) {
        most = cosine;
        nearest = camera;
      }
    }
    findings.add(
        new Finding(
            Rule.MOUNTING,
            "calibrated_sensor",
            calibrations.label(nearest),
            "rotation",
            "six cameras that see all directions together",
            String.format(
                Locale.ROOT,
                "%d of %d directions of the horizon in no picture, e.g. at %d° to the left",
                unseen.size(),
                DIRECTIONS,
                unseen.get(unseen.size() / 2))));
  }
}
