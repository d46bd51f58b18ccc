package dev.bevel.nuscenes.validation;

import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Sensors of nuScenes' channels stand on the vehicle and look where their channel says. The yaws
 * are those of the published rig; a real car's differ from them by a few degrees.
 */
final class MountingCheck {
  private static final double TOLERANCE = Math.toRadians(30);

  /** Yaw of the optical axis in the ego frame, degrees. */
  private static final Map<String, Double> CAMERA_YAW =
      Map.of(
          "CAM_FRONT", 0.0,
          "CAM_FRONT_LEFT", 55.0,
          "CAM_FRONT_RIGHT", -55.0,
          "CAM_BACK_LEFT", 110.0,
          "CAM_BACK_RIGHT", -110.0,
          "CAM_BACK", 180.0);

  /** Yaw of the x axis in the ego frame, degrees; that of LIDAR_TOP points to the right. */
  private static final Map<String, Double> OTHER_YAW =
      Map.of(
          "LIDAR_TOP", -90.0,
          "RADAR_FRONT", 0.0,
          "RADAR_FRONT_LEFT", 90.0,
          "RADAR_FRONT_RIGHT", -90.0,
          "RADAR_BACK_LEFT", 175.0,
          "RADAR_BACK_RIGHT", -175.0);

  private final DataSet set;
  private final Findings findings;
  private final TableData table;

  private MountingCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.table = set.table("calibrated_sensor");
  }

  /** Whether a channel is one of the six cameras that look all around. */
  static boolean isSurroundCamera(String channel) {
    return CAMERA_YAW.containsKey(channel);
  }

  static void run(DataSet set, Findings findings) {
    MountingCheck check = new MountingCheck(set, findings);
    for (int row = 0; row < check.table.rows(); row++) {
      if (set.calibratedSensor[row] != TableData.NONE && RigidTransform.isKnown(check.table, row)) {
        check.mounting(row);
      }
    }
    check.principalPoints();
  }

  private void mounting(int row) {
    RigidTransform mount = RigidTransform.of(table, row);
    String channel = set.table("sensor").text("channel", set.calibratedSensor[row]);
    double x = mount.translation(0);
    double y = mount.translation(1);
    double z = mount.translation(2);
    if (Math.abs(x) > 6 || Math.abs(y) > 2 || z < 0 || z > 4) {
      fault(
          row,
          "translation",
          String.format(
              Locale.ROOT, "%s on the vehicle: x within ±6 m, y within ±2 m, z in 0..4 m", channel),
          String.format(Locale.ROOT, "%.2f, %.2f, %.2f", x, y, z));
    }
    Double cameraYaw = CAMERA_YAW.get(channel);
    Double otherYaw = OTHER_YAW.get(channel);
    if (cameraYaw != null) {
      direction(row, channel, "optical axis (z)", mount, 2, unit(cameraYaw));
      direction(row, channel, "y axis (down)", mount, 1, new double[] {0, 0, -1});
    } else if (otherYaw != null) {
      direction(row, channel, "x axis", mount, 0, unit(otherYaw));
      direction(row, channel, "z axis (up)", mount, 2, new double[] {0, 0, 1});
    }
  }

  private static double[] unit(double yawDegrees) {
    double yaw = Math.toRadians(yawDegrees);
    return new double[] {Math.cos(yaw), Math.sin(yaw), 0};
  }

  private void direction(
      int row, String channel, String name, RigidTransform mount, int axis, double[] expected) {
    double cosine = 0;
    for (int i = 0; i < 3; i++) {
      cosine += mount.axis(axis, i) * expected[i];
    }
    if (cosine < Math.cos(TOLERANCE)) {
      fault(
          row,
          "rotation",
          String.format(
              Locale.ROOT,
              "%s of %s within 30° of (%.2f, %.2f, %.2f) of the ego frame",
              name,
              channel,
              expected[0],
              expected[1],
              expected[2]),
          String.format(
              Locale.ROOT,
              "(%.2f, %.2f, %.2f)",
              mount.axis(axis, 0),
              mount.axis(axis, 1),
              mount.axis(axis, 2)));
    }
  }

  /**
   * The principal point lies in the middle half of the image, and the field of view is a lens's.
   */
  private void principalPoints() {
    TableData data = set.table("sample_data");
    boolean[] done = new boolean[table.rows()];
    Column.Doubles intrinsics = table.doubles("camera_intrinsic");
    for (int row = 0; row < data.rows(); row++) {
      int calibration = set.dataCalibration[row];
      if (calibration == TableData.NONE || done[calibration] || intrinsics.isMissing(calibration)) {
        continue;
      }
      int width = data.ints("width").get(row);
      int height = data.ints("height").get(row);
      if (width > 0 && height > 0) {
        done[calibration] = true;
        String actual = lens(intrinsics.get(calibration), width, height);
        if (actual != null) {
          fault(
              calibration,
              "camera_intrinsic",
              String.format(
                      Locale.ROOT,
                      "square pixels, a principal point in the middle half of the %d×%d image and a focal",
                      width,
                      height)
                  + " length of 0.2 to 5 times its width",
              actual);
        }
      }
    }
  }

  private static @Nullable String lens(double[] k, int width, int height) {
    boolean valid =
        Math.abs(k[2] - width / 2.0) < width / 4.0
            && Math.abs(k[5] - height / 2.0) < height / 4.0
            && Math.abs(k[0] / k[4] - 1) < 0.1
            && k[0] > 0.2 * width
            && k[0] < 5.0 * width;
    return valid
        ? null
        : String.format(Locale.ROOT, "fx %.1f, fy %.1f, cx %.1f, cy %.1f", k[0], k[4], k[2], k[5]);
  }

  private void fault(int row, String field, String expected, String actual) {
    findings.add(
        new Finding(Rule.MOUNTING, "calibrated_sensor", table.label(row), field, expected, actual));
  }
}
