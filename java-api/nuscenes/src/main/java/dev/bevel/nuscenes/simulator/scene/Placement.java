package dev.bevel.nuscenes.simulator.scene;

import dev.bevel.nuscenes.Pose;

/**
 * A body somewhere in the world.
 *
 * @param bodyToGlobal body frame → global frame
 * @param id of the annotated object, or {@link #SCENERY}
 */
public record Placement(Mesh mesh, Pose bodyToGlobal, int id) {
  /** Id of buildings, trees and all that nobody annotates. */
  public static final int SCENERY = -1;
}
