package dev.bevel.nuscenes.validation;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The thirteen tables of nuScenes as published ({@code docs/schema_nuscenes.md} of the
 * nuscenes-devkit): their fields, the types of these, and which table a token leads to.
 */
final class Schema {
  /** Type of a field. */
  enum Kind {
    /** The record's own token. */
    KEY,
    /** The record's own token, which files and folders are named by. */
    NAME_KEY,
    /** Token of another record. */
    REFERENCE,
    /** Token of another record, or {@code ""}. */
    REFERENCE_OR_BLANK,
    /** List of tokens of other records. */
    REFERENCES,
    /** A string that is looked at. */
    TEXT,
    /** A string for people. */
    NOTE,
    /** A whole number from 0 to 2³¹−1. */
    COUNT,
    /** Microseconds. */
    TIME,
    FLAG,
    /** Three numbers, metres. */
    POSITION,
    /** Unit quaternion (w, x, y, z). */
    ROTATION,
    /** Width, length, height, metres. */
    SIZE,
    /** A 3×3 camera matrix or {@code []}. */
    INTRINSIC
  }

  /**
   * A field of a table.
   *
   * @param target name of the table that references lead to, {@code ""} for other kinds
   */
  record Field(String name, Kind kind, String target) {
    boolean isReference() {
      return !target.isEmpty();
    }
  }

  /** Fields by table, in the documentation's order. */
  static final Map<String, List<Field>> TABLES = tables();

  private Schema() {}

  private static Map<String, List<Field>> tables() {
    Map<String, List<Field>> t = new LinkedHashMap<>();
    t.put("category", table(text("name"), note("description")));
    t.put("attribute", table(text("name"), note("description")));
    t.put("visibility", table(text("level"), note("description")));
    t.put("sensor", table(text("channel"), text("modality")));
    t.put("log", table(text("logfile"), note("vehicle"), note("date_captured"), note("location")));
    t.put("map", table(note("category"), text("filename"), references("log_tokens", "log")));
    t.put(
        "scene",
        table(
            text("name"),
            note("description"),
            reference("log_token", "log"),
            field("nbr_samples", Kind.COUNT),
            reference("first_sample_token", "sample"),
            reference("last_sample_token", "sample")));
    t.put(
        "calibrated_sensor",
        table(
            reference("sensor_token", "sensor"),
            field("translation", Kind.POSITION),
            field("rotation", Kind.ROTATION),
            field("camera_intrinsic", Kind.INTRINSIC)));
    t.put(
        "ego_pose",
        table(
            field("timestamp", Kind.TIME),
            field("translation", Kind.POSITION),
            field("rotation", Kind.ROTATION)));
    t.put(
        "instance",
        table(
            reference("category_token", "category"),
            field("nbr_annotations", Kind.COUNT),
            reference("first_annotation_token", "sample_annotation"),
            reference("last_annotation_token", "sample_annotation")));
    t.put(
        "sample",
        keyed(
            Kind.NAME_KEY,
            field("timestamp", Kind.TIME),
            reference("scene_token", "scene"),
            link("prev", "sample"),
            link("next", "sample")));
    t.put(
        "sample_data",
        table(
            reference("sample_token", "sample"),
            reference("ego_pose_token", "ego_pose"),
            reference("calibrated_sensor_token", "calibrated_sensor"),
            text("filename"),
            text("fileformat"),
            field("width", Kind.COUNT),
            field("height", Kind.COUNT),
            field("timestamp", Kind.TIME),
            field("is_key_frame", Kind.FLAG),
            link("prev", "sample_data"),
            link("next", "sample_data")));
    t.put(
        "sample_annotation",
        table(
            reference("sample_token", "sample"),
            reference("instance_token", "instance"),
            references("attribute_tokens", "attribute"),
            link("visibility_token", "visibility"),
            field("translation", Kind.POSITION),
            field("size", Kind.SIZE),
            field("rotation", Kind.ROTATION),
            field("num_lidar_pts", Kind.COUNT),
            field("num_radar_pts", Kind.COUNT),
            link("prev", "sample_annotation"),
            link("next", "sample_annotation")));
    return t;
  }

  private static List<Field> table(Field... fields) {
    return keyed(Kind.KEY, fields);
  }

  private static List<Field> keyed(Kind key, Field... fields) {
    Field[] all = new Field[fields.length + 1];
    all[0] = field("token", key);
    System.arraycopy(fields, 0, all, 1, fields.length);
    return List.of(all);
  }

  private static Field field(String name, Kind kind) {
    return new Field(name, kind, "");
  }

  private static Field text(String name) {
    return field(name, Kind.TEXT);
  }

  private static Field note(String name) {
    return field(name, Kind.NOTE);
  }

  private static Field reference(String name, String target) {
    return new Field(name, Kind.REFERENCE, target);
  }

  private static Field references(String name, String target) {
    return new Field(name, Kind.REFERENCES, target);
  }

  /** A reference that may be blank. */
  private static Field link(String name, String target) {
    return new Field(name, Kind.REFERENCE_OR_BLANK, target);
  }
}
