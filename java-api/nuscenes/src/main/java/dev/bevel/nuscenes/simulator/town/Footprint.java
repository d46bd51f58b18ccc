package dev.bevel.nuscenes.simulator.town;

import dev.bevel.nuscenes.Pose;

/**
 * What a box covers of the ground.
 *
 * @param x of the middle, global frame
 * @param y as {@code x}
 * @param headingX unit vector along the length
 * @param headingY as {@code headingX}
 * @param halfLength metres
 * @param halfWidth metres
 */
public record Footprint(
    double x, double y, double headingX, double headingY, double halfLength, double halfWidth) {

  public static Footprint of(Pose pose, double width, double length) {
    double[] rotation = pose.rotationMatrix();
    return new Footprint(pose.tx(), pose.ty(), rotation[0], rotation[3], length / 2, width / 2);
  }

  /** Whether two footprints are less than {@code margin} apart (separating axes). */
  public boolean isNear(Footprint other, double margin) {
    double dx = other.x - x;
    double dy = other.y - y;
    double reach = halfLength + halfWidth + other.halfLength + other.halfWidth + margin;
    return dx * dx + dy * dy < reach * reach
        && !separates(other, headingX, headingY, margin)
        && !separates(other, -headingY, headingX, margin)
        && !separates(other, other.headingX, other.headingY, margin)
        && !separates(other, -other.headingY, other.headingX, margin);
  }

  private boolean separates(Footprint other, double ax, double ay, double margin) {
    double distance = Math.abs((other.x - x) * ax + (other.y - y) * ay);
    return distance > extent(ax, ay) + other.extent(ax, ay) + margin;
  }

  private double extent(double ax, double ay) {
    return halfLength * Math.abs(headingX * ax + headingY * ay)
        + halfWidth * Math.abs(headingX * ay - headingY * ax);
  }
}
