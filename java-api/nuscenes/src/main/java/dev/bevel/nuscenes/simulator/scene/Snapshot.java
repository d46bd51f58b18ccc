package dev.bevel.nuscenes.simulator.scene;

import java.util.List;

/**
 * The world at one moment: all that a sensor can see.
 *
 * @param bodies in a fixed order; the ego vehicle is not among them
 */
public record Snapshot(List<Placement> bodies, GroundMap ground, Lighting lighting) {
  public Snapshot {
    bodies = List.copyOf(bodies);
  }
}
