package dev.bevel.nuscenes.simulator;

import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import java.util.Locale;

/**
 * What to simulate. Everything but {@code threads} changes the data; {@code threads} changes only
 * how long it takes.
 *
 * @param scenes number of scenes, each in a town of its own
 * @param seconds of each scene; it gets two key frames a second
 * @param seed from which all else follows
 * @param imageWidth pixels
 * @param imageHeight pixels
 * @param traffic how much is going on
 * @param lidarSweeps LiDAR sweeps between two key frames that are written, 0–9
 * @param cameraSweeps images of each camera between two key frames that are written, 0–5
 * @param threads that simulate and draw
 */
public record SimulationSettings(
    int scenes,
    int seconds,
    long seed,
    int imageWidth,
    int imageHeight,
    TrafficDensity traffic,
    int lidarSweeps,
    int cameraSweeps,
    int threads) {
  /** Key frames in each second. */
  static final int SAMPLES_PER_SECOND = 2;

  private static final int MAX_SCENES = 9999;
  private static final int MAX_SECONDS = 600;
  private static final int MIN_SIDE = 16;
  private static final int MAX_SIDE = 8192;
  private static final int MAX_THREADS = 256;

  /**
   * @throws NuScenesException naming a number that is out of its range
   */
  public SimulationSettings {
    check("number of scenes", scenes, 1, MAX_SCENES);
    check("seconds of a scene", seconds, 1, MAX_SECONDS);
    check("image width", imageWidth, MIN_SIDE, MAX_SIDE);
    check("image height", imageHeight, MIN_SIDE, MAX_SIDE);
    check("number of LiDAR sweeps", lidarSweeps, 0, 9);
    check("number of camera sweeps", cameraSweeps, 0, 5);
    check("number of threads", threads, 1, MAX_THREADS);
  }

  private static void check(String what, int value, int least, int most) {
    if (value < least || value > most) {
      throw new NuScenesException(
          String.format(Locale.ROOT, "the %s must be in %d..%d, got %d", what, least, most, value));
    }
  }

  /**
   * Sparse traffic, images of 1600×900, nine LiDAR sweeps and no camera sweeps, on all processors.
   */
  public static SimulationSettings of(int scenes, int seconds, long seed) {
    int processors = Math.min(Runtime.getRuntime().availableProcessors(), MAX_THREADS);
    return new SimulationSettings(
        scenes, seconds, seed, 1600, 900, TrafficDensity.SPARSE, 9, 0, processors);
  }

  /** The same with another image size. */
  public SimulationSettings withImageSize(int width, int height) {
    return new SimulationSettings(
        scenes, seconds, seed, width, height, traffic, lidarSweeps, cameraSweeps, threads);
  }

  /** The same with other traffic. */
  public SimulationSettings withTraffic(TrafficDensity newTraffic) {
    return new SimulationSettings(
        scenes,
        seconds,
        seed,
        imageWidth,
        imageHeight,
        newTraffic,
        lidarSweeps,
        cameraSweeps,
        threads);
  }

  /** The same with other numbers of sweeps between two key frames. */
  public SimulationSettings withSweeps(int lidar, int camera) {
    return new SimulationSettings(
        scenes, seconds, seed, imageWidth, imageHeight, traffic, lidar, camera, threads);
  }

  /** The same on another number of threads. */
  public SimulationSettings withThreads(int newThreads) {
    return new SimulationSettings(
        scenes,
        seconds,
        seed,
        imageWidth,
        imageHeight,
        traffic,
        lidarSweeps,
        cameraSweeps,
        newThreads);
  }

  /** Key frames of each scene. */
  int samples() {
    return seconds * SAMPLES_PER_SECOND;
  }

  /** The seed of one scene. */
  long sceneSeed(int scene) {
    return Seeds.mix(seed, "scene", scene);
  }
}
