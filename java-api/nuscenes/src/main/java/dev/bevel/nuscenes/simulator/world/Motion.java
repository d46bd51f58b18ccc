package dev.bevel.nuscenes.simulator.world;

import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.town.Journey;

/** Where an object is at each time of a scene: pose of its box's middle, box → global. */
public sealed interface Motion {
  Pose pose(double time);

  /** Metres per second. */
  double speed(double time);

  /** Stays where it is. */
  record Standing(Pose at) implements Motion {
    @Override
    public Pose pose(double time) {
      return at;
    }

    @Override
    public double speed(double time) {
      return 0;
    }
  }

  /**
   * Goes along a track.
   *
   * @param behind metres from the journey's position back to the object's middle: 0 but for towed
   *     objects
   * @param axle from the middle to each axle, metres
   * @param z height of the middle
   */
  record Travelling(Journey journey, double behind, double axle, double z) implements Motion {
    @Override
    public Pose pose(double time) {
      return journey.track().pose(journey.position(time) - behind, z, axle);
    }

    @Override
    public double speed(double time) {
      return journey.speed(time);
    }
  }
}
