package dev.bevel.nuscenes.simulator.scene;

/** What the ground is at a point. */
public enum GroundKind {
  ROAD,
  /** White paint: lane lines, stop lines, arrows. */
  WHITE_PAINT,
  /** Yellow paint: the line between opposite directions. */
  YELLOW_PAINT,
  /** A stripe of a pedestrian crossing. */
  CROSSING_STRIPE,
  KERB,
  SIDEWALK,
  CAR_PARK,
  GRASS;

  /** Whether vehicles may drive there: what the map mask shows. */
  public boolean isDrivable() {
    return switch (this) {
      case ROAD, WHITE_PAINT, YELLOW_PAINT, CROSSING_STRIPE, CAR_PARK -> true;
      case KERB, SIDEWALK, GRASS -> false;
    };
  }
}
