package dev.bevel.nuscenes.simulator;

import dev.bevel.nuscenes.simulator.scene.Seeds;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * When the sensors of a scene record. The LiDAR turns 20 times a second; every tenth turn ends in a
 * key frame, whose time is the LiDAR's. Cameras are exposed while the beam passes them, on 12 of
 * the 20 turns, so that those of a key frame are up to 44 ms older than its LiDAR sweep.
 *
 * @param start of the scene, microseconds since 1970: the nominal time of its first key frame
 * @param shots sensor by sensor in the rig's order, each by growing time
 */
record Timeline(long start, List<Shot> shots) {
  /** Turns of the LiDAR from one key frame to the next. */
  static final int TURNS = 10;

  /** The turns before a key frame in which cameras are exposed, too; the nearest first. */
  private static final int[] CAMERA_TURNS = {1, 3, 5, 6, 8};

  private static final long TURN_MICROSECONDS = 50_000;
  private static final long FIRST_START = 1_735_722_000_000_000L;
  private static final long DRIVE_MICROSECONDS = 3_600_000_000L;
  private static final DateTimeFormatter LOG_TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd-HH-mm-ss", Locale.ROOT).withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter DATE =
      DateTimeFormatter.ofPattern("yyyy-MM-dd", Locale.ROOT).withZone(ZoneOffset.UTC);

  /**
   * One recording of one sensor.
   *
   * @param sample index of the key frame that it belongs to: its own, or else the next one
   * @param timestamp microseconds since 1970
   */
  record Shot(String channel, int sample, boolean keyFrame, long timestamp) {}

  Timeline {
    shots = List.copyOf(shots);
  }

  /** The recordings of a scene. */
  static Timeline of(int scene, int samples, int lidarSweeps, int cameraSweeps, long seed) {
    long start = FIRST_START + scene * DRIVE_MICROSECONDS;
    SplittableRandom random = Seeds.random(seed, "timeline");
    long[] turnEnds = new long[(samples - 1) * TURNS + 1];
    for (int turn = 0; turn < turnEnds.length; turn++) {
      turnEnds[turn] = start + turn * TURN_MICROSECONDS + random.nextInt(1200) - 600;
    }
    List<Shot> shots = new ArrayList<>();
    for (String camera : SensorRig.CAMERAS) {
      for (int sample = 0; sample < samples; sample++) {
        for (int i = cameraSweeps; i >= 0; i--) {
          int turn = sample * TURNS - (i == 0 ? 0 : CAMERA_TURNS[i - 1]);
          long jitter = random.nextInt(800) - 400;
          if (turn >= 0) {
            long time = turnEnds[turn] - SensorRig.delay(camera) + jitter;
            shots.add(new Shot(camera, sample, i == 0, time));
          }
        }
      }
    }
    for (int sample = 0; sample < samples; sample++) {
      for (int i = lidarSweeps; i >= 0; i--) {
        int turn = sample * TURNS - i;
        if (turn >= 0) {
          shots.add(new Shot(SensorRig.LIDAR, sample, i == 0, turnEnds[turn]));
        }
      }
    }
    return new Timeline(start, shots);
  }

  /** Seconds of the scene at a time. */
  double seconds(long timestamp) {
    return (timestamp - start) * 1e-6;
  }

  /** Name of the drive's log. */
  String logFile() {
    return "n900-" + LOG_TIME.format(instant()) + "+0000";
  }

  String date() {
    return DATE.format(instant());
  }

  private Instant instant() {
    return Instant.ofEpochSecond(start / 1_000_000);
  }

  /** The file of a recording, relative to the data folder. */
  String file(Shot shot) {
    String folder = shot.keyFrame ? "samples/" : "sweeps/";
    String ending = shot.channel.equals(SensorRig.LIDAR) ? ".pcd.bin" : ".jpg";
    return folder
        + shot.channel
        + "/"
        + String.join("__", logFile(), shot.channel, Long.toString(shot.timestamp))
        + ending;
  }
}
