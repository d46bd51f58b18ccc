package dev.bevel.nuscenes.simulator.town;

/**
 * A straight street of the plan, from one end of the town to the other. Its cross-section, from the
 * middle: {@code lanes} lanes, a strip for parking or cycling, kerb, sidewalk. Traffic keeps to the
 * right.
 *
 * @param alongU whether it runs along u, at {@code v = centre}; otherwise along v, at {@code u =
 *     centre}
 * @param index among the streets of its direction
 * @param centre metres
 * @param lanes in each direction
 * @param parkingForward whether the strip of the traffic towards greater coordinates is for parking
 * @param parkingBackward as {@code parkingForward}, of the opposite traffic
 */
public record Street(
    boolean alongU,
    int index,
    double centre,
    int lanes,
    boolean parkingForward,
    boolean parkingBackward) {
  public static final double LANE = 3.5;
  public static final double STRIP = 2.7;
  static final double SIDEWALK = 4.2;

  /** From the edge of a junction to where lanes begin and end; crossings lie between. */
  static final double JUNCTION_MARGIN = 5.4;

  /** Pedestrian crossings, in metres from the edge of the junction. */
  static final double CROSSING_FROM = 0.6;

  static final double CROSSING_TO = 3.6;

  /** Stop lines, in metres from the edge of the junction. */
  static final double STOP_FROM = 4.5;

  static final double STOP_TO = 4.9;

  /** From the middle to the kerb. */
  double half() {
    return lanes * LANE + STRIP;
  }

  /** Whether the strip beside traffic of a direction (+1 or −1) is for parking. */
  public boolean parking(int direction) {
    return direction > 0 ? parkingForward : parkingBackward;
  }

  /**
   * u of a point of the street.
   *
   * @param along coordinate along the street
   * @param left metres to the left of its middle, looking along greater coordinates
   */
  public double u(double along, double left) {
    return alongU ? along : centre - left;
  }

  /** As {@link #u}. */
  public double v(double along, double left) {
    return alongU ? centre + left : along;
  }
}
