package dev.bevel.nuscenes.validation;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Records that belong together tell the same story. */
final class AgreementCheck {
  /** {@code <log>__<channel>__<microseconds>.<ending>}, as the released files are named. */
  private static final Pattern FILE_NAME =
      Pattern.compile("(.+)__([A-Z_]+)__([0-9]{1,18})\\.(?:jpg|pcd|pcd\\.bin)");

  private static final List<String> LEVELS = List.of("v0-40", "v40-60", "v60-80", "v80-100");
  private static final Map<String, String> PREFIX_OF_MODALITY =
      Map.of("camera", "CAM_", "lidar", "LIDAR_", "radar", "RADAR_");

  /** First word of the attributes of each detection category; the others may have any or none. */
  private static final Map<String, String> ATTRIBUTES_OF_CATEGORY =
      Map.ofEntries(
          Map.entry("vehicle.car", "vehicle."),
          Map.entry("vehicle.truck", "vehicle."),
          Map.entry("vehicle.bus.bendy", "vehicle."),
          Map.entry("vehicle.bus.rigid", "vehicle."),
          Map.entry("vehicle.trailer", "vehicle."),
          Map.entry("vehicle.construction", "vehicle."),
          Map.entry("vehicle.motorcycle", "cycle."),
          Map.entry("vehicle.bicycle", "cycle."),
          Map.entry("human.pedestrian.adult", "pedestrian."),
          Map.entry("human.pedestrian.child", "pedestrian."),
          Map.entry("human.pedestrian.construction_worker", "pedestrian."),
          Map.entry("human.pedestrian.police_officer", "pedestrian."),
          Map.entry("movable_object.trafficcone", "no attribute"),
          Map.entry("movable_object.barrier", "no attribute"));

  private final DataSet set;
  private final Findings findings;
  private final TableData data;

  private AgreementCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.data = set.table("sample_data");
  }

  static void run(DataSet set, Findings findings) {
    AgreementCheck check = new AgreementCheck(set, findings);
    check.unique("category", "name");
    check.unique("attribute", "name");
    check.unique("visibility", "level");
    check.unique("sensor", "channel");
    check.unique("scene", "name");
    check.unique("sample_data", "filename");
    check.notEmpty();
    check.levels();
    check.sensors();
    check.calibrations();
    for (int row = 0; row < check.data.rows(); row++) {
      check.sensorFile(row);
    }
    check.sensorsOfFiles();
    check.logs();
    check.attributes();
    check.radarPoints();
  }

  private void unique(String name, String field) {
    TableData table = set.table(name);
    int[] first = new int[table.texts().size()];
    Arrays.fill(first, TableData.NONE);
    for (int row = 0; row < table.rows(); row++) {
      int text = table.ints(field).get(row);
      if (text == Column.Ints.MISSING) {
        continue;
      }
      if (first[text] == TableData.NONE) {
        first[text] = row;
      } else {
        findings.add(
            new Finding(
                Rule.UNIQUE,
                name,
                table.label(row),
                field,
                String.format(Locale.ROOT, "a %s that no other record has", field),
                String.format(
                    Locale.ROOT,
                    "\"%s\", which %s has too",
                    table.texts().text(text),
                    table.label(first[text]))));
      }
    }
  }

  private void notEmpty() {
    for (String name : List.of("scene", "sample", "sample_data", "ego_pose", "log", "map")) {
      if (set.table(name).rows() == 0) {
        fault(name, "", "", "at least one record", "none");
      }
    }
  }

  private void levels() {
    TableData table = set.table("visibility");
    for (int row = 0; row < table.rows(); row++) {
      if (!LEVELS.contains(table.text("level", row))) {
        fault(
            "visibility", table.label(row), "level", "one of " + LEVELS, table.text("level", row));
      }
    }
  }

  private void sensors() {
    TableData table = set.table("sensor");
    for (int row = 0; row < table.rows(); row++) {
      String modality = table.text("modality", row);
      String prefix = PREFIX_OF_MODALITY.get(modality);
      if (prefix == null) {
        fault("sensor", table.label(row), "modality", "camera, lidar or radar", modality);
      } else if (!table.text("channel", row).startsWith(prefix)) {
        fault(
            "sensor",
            table.label(row),
            "modality",
            "that of channel " + table.text("channel", row),
            modality);
      }
    }
  }

  private void calibrations() {
    TableData table = set.table("calibrated_sensor");
    TableData sensors = set.table("sensor");
    for (int row = 0; row < table.rows(); row++) {
      int sensor = set.calibratedSensor[row];
      if (sensor == TableData.NONE) {
        continue;
      }
      boolean isCamera = sensors.text("modality", sensor).equals("camera");
      boolean hasMatrix = !table.doubles("camera_intrinsic").isMissing(row);
      if (isCamera != hasMatrix) {
        fault(
            "calibrated_sensor",
            table.label(row),
            "camera_intrinsic",
            (isCamera ? "a camera matrix" : "[]") + " for " + sensors.text("channel", sensor),
            hasMatrix ? "a camera matrix" : "none");
      }
    }
  }

  private void sensorFile(int row) {
    String modality = set.modality(row);
    if (modality.isEmpty()) {
      return;
    }
    boolean isCamera = modality.equals("camera");
    String format = isCamera ? "jpg" : "pcd";
    if (!data.text("fileformat", row).equals(format)) {
      fault(row, "fileformat", format + " for a " + modality, data.text("fileformat", row));
    }
    for (String side : List.of("width", "height")) {
      int pixels = data.ints(side).get(row);
      if (pixels != Column.Ints.MISSING && isCamera != pixels > 0) {
        fault(row, side, (isCamera ? "above 0" : "0") + " for a " + modality, "" + pixels);
      }
    }
    String filename = data.text("filename", row);
    String folder = (set.isKeyFrame(row) ? "samples/" : "sweeps/") + set.channel(row) + "/";
    if (!filename.isEmpty() && !filename.startsWith(folder)) {
      fault(row, "filename", "a file in " + folder, filename);
      return;
    }
    Matcher name = FILE_NAME.matcher(filename.substring(filename.lastIndexOf('/') + 1));
    if (name.matches()) {
      long time = data.longs("timestamp").get(row);
      if (!name.group(2).equals(set.channel(row))) {
        fault(row, "filename", "a file of channel " + set.channel(row), filename);
      }
      if (time != Column.Longs.MISSING && Long.parseLong(name.group(3)) != time) {
        fault(row, "timestamp", "the time in its file's name, " + name.group(3), "" + time);
      }
    }
  }

  /** A calibration of which every file lies in another channel's folder has the wrong sensor. */
  private void sensorsOfFiles() {
    TableData table = set.table("calibrated_sensor");
    boolean[] agrees = new boolean[table.rows()];
    String[] folder = new String[table.rows()];
    for (int row = 0; row < data.rows(); row++) {
      String[] path = data.text("filename", row).split("/");
      if (set.dataSensor[row] != TableData.NONE && path.length > 2) {
        int calibration = set.dataCalibration[row];
        folder[calibration] = path[path.length - 2];
        agrees[calibration] |= folder[calibration].equals(set.channel(row));
      }
    }
    for (int row = 0; row < table.rows(); row++) {
      if (folder[row] != null && !agrees[row]) {
        fault(
            "calibrated_sensor",
            table.label(row),
            "sensor_token",
            "the sensor in whose folder its files are, " + folder[row],
            set.table("sensor").text("channel", set.calibratedSensor[row]));
      }
    }
  }

  /** All files of a scene are of its log, and a calibration is of one log. */
  private void logs() {
    TableData scenes = set.table("scene");
    TableData logs = set.table("log");
    TableData calibrations = set.table("calibrated_sensor");
    int[] scene = DataSet.through(set.dataSample, set.sampleScene);
    int[] log = DataSet.through(scene, scenes.resolve("log_token", logs));
    int[] logOfCalibration = new int[calibrations.rows()];
    Arrays.fill(logOfCalibration, TableData.NONE);
    Map<Integer, String> nameOfScene = new HashMap<>();
    for (int row = 0; row < data.rows(); row++) {
      if (log[row] == TableData.NONE) {
        continue;
      }
      logName(row, scene[row], log[row], nameOfScene);
      int calibration = set.dataCalibration[row];
      if (calibration == TableData.NONE) {
        continue;
      }
      if (logOfCalibration[calibration] == TableData.NONE) {
        logOfCalibration[calibration] = log[row];
      } else if (logOfCalibration[calibration] != log[row]) {
        fault(
            row,
            "calibrated_sensor_token",
            "a calibration of its own log " + logs.label(log[row]),
            String.format(
                Locale.ROOT,
                "%s, which files of log %s have",
                calibrations.label(calibration),
                logs.label(logOfCalibration[calibration])));
      }
    }
  }

  private void logName(int row, int scene, int log, Map<Integer, String> nameOfScene) {
    String filename = data.text("filename", row);
    Matcher name = FILE_NAME.matcher(filename.substring(filename.lastIndexOf('/') + 1));
    if (!name.matches()) {
      return;
    }
    TableData scenes = set.table("scene");
    String logfile = set.table("log").text("logfile", log);
    String first = nameOfScene.putIfAbsent(scene, name.group(1));
    if (first == null) {
      if (!name.group(1).equals(logfile)) {
        fault(
            "scene",
            scenes.label(scene),
            "log_token",
            "the log in its files' names, " + name.group(1),
            String.format(Locale.ROOT, "%s (%s)", set.table("log").label(log), logfile));
      }
    } else if (!first.equals(name.group(1))) {
      fault(
          row,
          "filename",
          String.format(Locale.ROOT, "a name that starts with %s, as in its scene", first),
          filename);
    }
  }

  private void attributes() {
    TableData annotations = set.table("sample_annotation");
    TableData attributes = set.table("attribute");
    TableData categories = set.table("category");
    Column.Lists lists = annotations.lists("attribute_tokens");
    int[] category =
        DataSet.through(
            set.annotationInstance, set.table("instance").resolve("category_token", categories));
    for (int row = 0; row < annotations.rows(); row++) {
      if (category[row] == TableData.NONE) {
        continue;
      }
      String name = categories.text("name", category[row]);
      String allowed = ATTRIBUTES_OF_CATEGORY.get(name);
      for (int i = lists.start(row); i < lists.end(row); i++) {
        int attribute = attributes.row(lists.element(i));
        int index = i - lists.start(row);
        if (attribute == TableData.NONE || allowed == null) {
          continue;
        }
        if (!attributes.text("name", attribute).startsWith(allowed) || index > 0) {
          fault(
              "sample_annotation",
              annotations.label(row),
              String.format(Locale.ROOT, "attribute_tokens[%d]", index),
              index > 0
                  ? "one attribute at most for " + name
                  : String.format(
                      Locale.ROOT,
                      "%s for %s",
                      allowed.endsWith(".") ? allowed + "*" : allowed,
                      name),
              attributes.text("name", attribute));
        }
      }
    }
  }

  private void radarPoints() {
    if (set.allows(Allowance.MISSING_SENSORS)) {
      return;
    }
    for (int row = 0; row < data.rows(); row++) {
      if (set.modality(row).equals("radar")) {
        return;
      }
    }
    TableData annotations = set.table("sample_annotation");
    for (int row = 0; row < annotations.rows(); row++) {
      int points = annotations.ints("num_radar_pts").get(row);
      if (points > 0) {
        fault(
            "sample_annotation",
            annotations.label(row),
            "num_radar_pts",
            "0 in a set without radar files",
            String.format(
                Locale.ROOT, "%d (allowed by %s)", points, Allowance.MISSING_SENSORS.label()));
      }
    }
  }

  private void fault(int row, String field, String expected, String actual) {
    fault("sample_data", data.label(row), field, expected, actual);
  }

  private void fault(String table, String token, String field, String expected, String actual) {
    findings.add(new Finding(Rule.AGREEMENT, table, token, field, expected, actual));
  }
}
