package dev.bevel.nuscenes.validation;

import java.util.Arrays;
import java.util.Locale;

/**
 * Each sample has one key-frame file of every channel, taken within 0.1 s of it; its time is that
 * of its LIDAR_TOP file. Files between key frames belong to the sample of the key frame that
 * follows them in their channel, those after the last one to the last. Ego poses are of their
 * file's time.
 */
final class KeyFrameCheck {
  /** A turn of the LiDAR takes 50 ms and the cameras follow it; real offsets stay within 50 ms. */
  private static final long MAX_OFFSET = 100_000;

  private static final String LIDAR = "LIDAR_TOP";

  private final DataSet set;
  private final Findings findings;
  private final TableData data;
  private final TableData samples;
  private final Column.Longs dataTime;
  private final Column.Longs sampleTime;

  private KeyFrameCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.data = set.table("sample_data");
    this.samples = set.table("sample");
    this.dataTime = data.longs("timestamp");
    this.sampleTime = samples.longs("timestamp");
  }

  static void run(DataSet set, Findings findings) {
    KeyFrameCheck check = new KeyFrameCheck(set, findings);
    check.channels();
    check.times();
    check.sweeps();
  }

  private void channels() {
    TableData sensors = set.table("sensor");
    boolean[] used = new boolean[sensors.rows()];
    for (int row = 0; row < data.rows(); row++) {
      if (set.dataSensor[row] != TableData.NONE && set.isKeyFrame(row)) {
        used[set.dataSensor[row]] = true;
      }
    }
    for (int sensor = 0; sensor < used.length; sensor++) {
      used[sensor] |=
          sensors.text("channel", sensor).equals(LIDAR) && !set.allows(Allowance.MISSING_SENSORS);
    }
    Members files = new Members(set.dataSample, samples.rows());
    int[] key = new int[used.length];
    for (int sample = 0; sample < samples.rows(); sample++) {
      Arrays.fill(key, TableData.NONE);
      for (int i = 0; i < files.count(sample); i++) {
        keyFrame(sample, files.row(sample, i), key);
      }
      for (int sensor = 0; sensor < used.length; sensor++) {
        if (used[sensor] && key[sensor] == TableData.NONE) {
          fault(
              "sample",
              samples.label(sample),
              sensors.text("channel", sensor),
              "one sample_data record with is_key_frame of this channel, as other samples have",
              "none");
        }
      }
    }
  }

  private void keyFrame(int sample, int row, int[] key) {
    int sensor = set.dataSensor[row];
    if (sensor == TableData.NONE || !set.isKeyFrame(row)) {
      return;
    }
    if (key[sensor] != TableData.NONE) {
      fault(
          "sample_data",
          data.label(row),
          "is_key_frame",
          String.format(
              Locale.ROOT,
              "one key frame of %s for sample %s",
              set.channel(row),
              samples.label(sample)),
          "a second one beside " + data.label(key[sensor]));
    }
    key[sensor] = row;
  }

  private void times() {
    TableData poses = set.table("ego_pose");
    Column.Longs poseTime = poses.longs("timestamp");
    for (int row = 0; row < data.rows(); row++) {
      long time = dataTime.get(row);
      int pose = set.dataPose[row];
      int sample = set.dataSample[row];
      long ofPose = pose == TableData.NONE ? Column.Longs.MISSING : poseTime.get(pose);
      long ofSample = sample == TableData.NONE ? Column.Longs.MISSING : sampleTime.get(sample);
      if (time == Column.Longs.MISSING) {
        continue;
      }
      if (ofPose != Column.Longs.MISSING && ofPose != time) {
        fault(
            "sample_data",
            data.label(row),
            "ego_pose_token",
            "an ego pose of its own time, " + time,
            String.format(Locale.ROOT, "ego pose %s of time %d", poses.label(pose), ofPose));
      }
      if (ofSample != Column.Longs.MISSING && set.isKeyFrame(row)) {
        keyTime(row, sample, time, ofSample, ofPose);
      }
    }
  }

  /** Where file and ego pose agree on the time, the sample is to blame. */
  private void keyTime(int row, int sample, long time, long ofSample, long ofPose) {
    if (Math.abs(time - ofSample) > MAX_OFFSET) {
      fault(
          "sample_data",
          data.label(row),
          time == ofPose ? "sample_token" : "timestamp",
          "a sample within 0.1 s of its time, " + time,
          String.format(Locale.ROOT, "sample %s of time %d", samples.label(sample), ofSample));
    } else if (time != ofSample && set.channel(row).equals(LIDAR)) {
      if (time == ofPose) {
        fault(
            "sample",
            samples.label(sample),
            "timestamp",
            String.format(
                Locale.ROOT, "the time of its LIDAR_TOP file %s, %d", data.label(row), time),
            String.valueOf(ofSample));
      } else {
        fault(
            "sample_data",
            data.label(row),
            "timestamp",
            String.format(
                Locale.ROOT, "the time of its sample %s, %d", samples.label(sample), ofSample),
            String.valueOf(time));
      }
    }
  }

  private void sweeps() {
    int[] next = data.resolve("next", data);
    int[] prev = data.resolve("prev", data);
    for (int end = 0; end < data.rows(); end++) {
      if (next[end] != TableData.NONE) {
        continue;
      }
      // From a chain's end backwards, so that the key frame that follows is known.
      int owner = lastKeySample(end, prev, next);
      for (int row = end; row != TableData.NONE; row = before(row, prev, next)) {
        if (set.isKeyFrame(row)) {
          owner = set.dataSample[row];
        } else {
          sweep(row, owner);
        }
      }
    }
  }

  private int lastKeySample(int end, int[] prev, int[] next) {
    int row = end;
    while (row != TableData.NONE && !set.isKeyFrame(row)) {
      row = before(row, prev, next);
    }
    return row == TableData.NONE ? TableData.NONE : set.dataSample[row];
  }

  /** Follows mutual links only: from a record without {@code next} they cannot run in a circle. */
  private static int before(int row, int[] prev, int[] next) {
    int before = prev[row];
    return before != TableData.NONE && next[before] == row ? before : TableData.NONE;
  }

  private void sweep(int row, int owner) {
    int sample = set.dataSample[row];
    if (owner != TableData.NONE && sample != TableData.NONE && sample != owner) {
      fault(
          "sample_data",
          data.label(row),
          "sample_token",
          "the sample of the key frame that follows it in its channel, " + samples.label(owner),
          samples.label(sample));
    }
  }

  private void fault(String table, String token, String field, String expected, String actual) {
    findings.add(new Finding(Rule.KEY_FRAME, table, token, field, expected, actual));
  }
}
