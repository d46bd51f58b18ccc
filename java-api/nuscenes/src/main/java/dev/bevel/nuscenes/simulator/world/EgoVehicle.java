package dev.bevel.nuscenes.simulator.world;

import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.town.Journey;
import dev.bevel.nuscenes.simulator.town.TownFrame;
import dev.bevel.nuscenes.simulator.town.Track;

/**
 * The vehicle that carries the sensors. Its frame has its origin on the ground under the middle of
 * the rear axle.
 *
 * @param journey of the vehicle's middle
 */
public record EgoVehicle(Journey journey) {
  static final double LENGTH = 4.1;
  static final double WIDTH = 1.75;
  private static final double REAR_AXLE_BEHIND_MIDDLE = 1.3;
  private static final double WHEELBASE = 2.6;

  /** Ego frame → global frame; z is 0. */
  public Pose pose(double time) {
    double rear = journey.position(time) - REAR_AXLE_BEHIND_MIDDLE;
    Track track = journey.track();
    double x = track.x(rear);
    double y = track.y(rear);
    double dx = track.x(rear + WHEELBASE) - x;
    double dy = track.y(rear + WHEELBASE) - y;
    return TownFrame.upright(x, y, 0, dx, dy);
  }
}
