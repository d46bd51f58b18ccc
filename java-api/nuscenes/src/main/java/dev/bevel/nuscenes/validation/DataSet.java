package dev.bevel.nuscenes.validation;

import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathNames;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The tables of the set under examination, with the references that several checks follow. */
final class DataSet {
  private final Path root;
  private final String version;
  private final Set<Allowance> allowances;
  private final Map<String, TableData> tables;

  /** Sensor of each record of {@code calibrated_sensor}. */
  final int[] calibratedSensor;

  /** Scene of each record of {@code sample}. */
  final int[] sampleScene;

  /** Sample of each record of {@code sample_data}. */
  final int[] dataSample;

  /** Calibration of each record of {@code sample_data}. */
  final int[] dataCalibration;

  /** Sensor of each record of {@code sample_data}. */
  final int[] dataSensor;

  /** Ego pose of each record of {@code sample_data}. */
  final int[] dataPose;

  /** Sample of each record of {@code sample_annotation}. */
  final int[] annotationSample;

  /** Instance of each record of {@code sample_annotation}. */
  final int[] annotationInstance;

  private DataSet(
      Path root, String version, Set<Allowance> allowances, Map<String, TableData> tables) {
    this.root = root;
    this.version = version;
    this.allowances = allowances;
    this.tables = tables;
    this.calibratedSensor = resolve("calibrated_sensor", "sensor_token", "sensor");
    this.sampleScene = resolve("sample", "scene_token", "scene");
    this.dataSample = resolve("sample_data", "sample_token", "sample");
    this.dataCalibration = resolve("sample_data", "calibrated_sensor_token", "calibrated_sensor");
    this.dataSensor = through(dataCalibration, calibratedSensor);
    this.dataPose = resolve("sample_data", "ego_pose_token", "ego_pose");
    this.annotationSample = resolve("sample_annotation", "sample_token", "sample");
    this.annotationInstance = resolve("sample_annotation", "instance_token", "instance");
  }

  /**
   * Reads all tables.
   *
   * @return the tables; where {@code findings} holds any of {@link Rule#TABLE}, parts are missing
   */
  static DataSet read(Path root, String version, Set<Allowance> allowances, Findings findings) {
    Map<String, TableData> tables = new LinkedHashMap<>();
    Schema.TABLES.keySet().forEach(name -> tables.put(name, new TableData(name)));
    Path folder = root.resolve(version);
    tables.values().forEach(table -> TableParser.read(folder, table, tables, findings));
    return new DataSet(root, version, allowances, tables);
  }

  private int[] resolve(String table, String field, String target) {
    return table(table).resolve(field, table(target));
  }

  /** Follows a second reference from where a first one leads. */
  static int[] through(int[] first, int[] second) {
    int[] result = new int[first.length];
    for (int i = 0; i < first.length; i++) {
      result[i] = first[i] == TableData.NONE ? TableData.NONE : second[first[i]];
    }
    return result;
  }

  Path root() {
    return root;
  }

  String version() {
    return version;
  }

  boolean allows(Allowance allowance) {
    return allowances.contains(allowance);
  }

  Map<String, TableData> tables() {
    return tables;
  }

  TableData table(String name) {
    return Objects.requireNonNull(tables.get(name));
  }

  /** Channel of a record of {@code sample_data}, {@code ""} where it leads to no sensor. */
  String channel(int data) {
    int sensor = dataSensor[data];
    return sensor == TableData.NONE ? "" : table("sensor").text("channel", sensor);
  }

  String modality(int data) {
    int sensor = dataSensor[data];
    return sensor == TableData.NONE ? "" : table("sensor").text("modality", sensor);
  }

  boolean isKeyFrame(int data) {
    return table("sample_data").ints("is_key_frame").get(data) == 1;
  }

  /**
   * The key-frame file of a channel for each sample, {@link TableData#NONE} where there is none.
   */
  int[] keyFiles(String channel) {
    int[] files = new int[table("sample").rows()];
    Arrays.fill(files, TableData.NONE);
    for (int row = 0; row < dataSample.length; row++) {
      if (dataSample[row] != TableData.NONE && isKeyFrame(row) && channel(row).equals(channel)) {
        files[dataSample[row]] = row;
      }
    }
    return files;
  }

  /**
   * The file a record names, whether it is there or not. The name is judged as text: links that
   * stand in the folder are the owner's doing and are followed, so that {@code samples} may lie on
   * another disk.
   *
   * @return null if the name is none or leads out of the folder
   */
  @Nullable Path file(TableData table, int row) {
    try {
      return PathNames.inside(root, table.text("filename", row), "filename");
    } catch (NuScenesException e) {
      return null;
    }
  }
}
