package dev.bevel.nuscenes.simulator.town;

import java.util.Arrays;

/**
 * How a mover goes along its track: position and speed at steps of {@link #STEP} seconds, with
 * constant acceleration between them.
 */
public final class Journey {
  /** Seconds between steps. */
  public static final double STEP = 0.1;

  private final Track track;
  private final double startTime;
  private double[] position = new double[256];
  private double[] speed = new double[256];
  private int steps;

  /**
   * @param startTime of the first step, seconds of the scene
   */
  public Journey(Track track, double startTime) {
    this.track = track;
    this.startTime = startTime;
  }

  /** Appends a step. */
  public void add(double newPosition, double newSpeed) {
    if (steps == position.length) {
      position = Arrays.copyOf(position, 2 * steps);
      speed = Arrays.copyOf(speed, 2 * steps);
    }
    position[steps] = newPosition;
    speed[steps] = newSpeed;
    steps++;
  }

  public Track track() {
    return track;
  }

  /** Metres along the track. */
  public double position(double time) {
    int i = step(time);
    double since = time - startTime - i * STEP;
    double acceleration = (speed[i + 1] - speed[i]) / STEP;
    return position[i] + speed[i] * since + 0.5 * acceleration * since * since;
  }

  /** Metres per second. */
  public double speed(double time) {
    int i = step(time);
    double part = (time - startTime) / STEP - i;
    return speed[i] + part * (speed[i + 1] - speed[i]);
  }

  private int step(double time) {
    return Math.clamp((long) ((time - startTime) / STEP), 0, steps - 2);
  }
}
