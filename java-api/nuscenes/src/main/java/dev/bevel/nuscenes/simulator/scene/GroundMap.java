package dev.bevel.nuscenes.simulator.scene;

/** The ground of a town: the plane z = 0 of the global frame. Pure and safe for many threads. */
public interface GroundMap {
  /**
   * What the ground is at a point of the global frame.
   *
   * @param x metres
   * @param y metres
   */
  GroundKind at(double x, double y);
}
