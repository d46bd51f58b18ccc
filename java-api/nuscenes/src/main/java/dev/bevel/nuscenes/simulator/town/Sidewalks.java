package dev.bevel.nuscenes.simulator.town;

import dev.bevel.nuscenes.simulator.scene.Seeds;
import java.util.SplittableRandom;

/**
 * Where pedestrians walk: around blocks and, at the junctions, straight on across the street to the
 * next block. Those who have their block on the right and those who have it on the left keep to
 * different lines of the sidewalk and so never meet head-on.
 */
public final class Sidewalks {
  /** Distances of the lines from the kerb: two for each way to go around. */
  private static final double[] LINES = {1.0, 1.65, 2.3, 2.95};

  /** Where people and cycles stand without being in the way, metres from the kerb. */
  public static final double STANDING = 3.65;

  private static final double CORNER = 0.5;

  /** Probability of going straight on across the street at a corner. */
  private static final double CROSSING = 0.4;

  private static final int SIDES = 4;

  private final Town town;
  private final Roads roads;

  public Sidewalks(Town town, Roads roads) {
    this.town = town;
    this.roads = roads;
  }

  /**
   * A side of a block.
   *
   * @param side 0: least v (south), 1: greatest u (east), 2: greatest v, 3: least u
   */
  public record Side(int i, int j, int side) {}

  /** A point of the plan on a block's side. */
  public record Point(double u, double v) {}

  /** Length of a side between its corners' kerbs. */
  public double length(Side side) {
    double[] b = town.blockBounds(side.i, side.j);
    return side.side % 2 == 0 ? b[2] - b[0] : b[3] - b[1];
  }

  /**
   * A point on a side.
   *
   * @param along metres from the corner where the side begins, counter-clockwise
   * @param fromKerb metres
   */
  public Point point(Side side, double along, double fromKerb) {
    double[] b = town.blockBounds(side.i, side.j);
    return switch (side.side) {
      case 0 -> new Point(b[0] + along, b[1] + fromKerb);
      case 1 -> new Point(b[2] - fromKerb, b[1] + along);
      case 2 -> new Point(b[2] - along, b[3] - fromKerb);
      default -> new Point(b[0] + fromKerb, b[3] - along);
    };
  }

  /**
   * A walk that starts on a side and, at each corner, goes around it or straight on.
   *
   * @param along metres from the side's first corner in the walk's direction
   * @param clockwise around the block
   * @param length metres after the start
   */
  public Route route(
      Side start, double along, boolean clockwise, double length, SplittableRandom random) {
    double line = LINES[(clockwise ? 0 : 2) + random.nextInt(2)];
    Side side = start;
    Point first = walkPoint(side, clockwise, line + CORNER, line);
    Route.Builder builder = new Route.Builder(town.frame(), first.u, first.v);
    while (true) {
      double end = length(side) - line - CORNER;
      Point last = walkPoint(side, clockwise, end, line);
      builder.lineTo(last.u, last.v);
      if (builder.length() > along + length) {
        return builder.build(along);
      }
      Side ahead = ahead(side, clockwise);
      if (inTown(ahead) && Seeds.chance(random, CROSSING)) {
        cross(builder, side, ahead, clockwise, line);
        side = ahead;
      } else {
        Side around = new Side(side.i, side.j, (side.side + (clockwise ? 3 : 1)) % SIDES);
        Point corner = walkPoint(side, clockwise, length(side) - line, line);
        Point after = walkPoint(around, clockwise, line + CORNER, line);
        builder.curveTo(corner.u, corner.v, after.u, after.v);
        side = around;
      }
    }
  }

  private void cross(Route.Builder builder, Side from, Side to, boolean clockwise, double line) {
    Point kerb = walkPoint(from, clockwise, length(from) - 0.3, line);
    builder.lineTo(kerb.u, kerb.v);
    double enter = builder.length();
    Point beyond = walkPoint(to, clockwise, 0.3, line);
    builder.lineTo(beyond.u, beyond.v);
    builder.markCrossover(junction(from, clockwise), -1, false, enter);
    Point on = walkPoint(to, clockwise, line + CORNER, line);
    builder.lineTo(on.u, on.v);
  }

  private Point walkPoint(Side side, boolean clockwise, double along, double line) {
    return point(side, clockwise ? length(side) - along : along, line);
  }

  /** The same side of the block that lies straight on. */
  private static Side ahead(Side side, boolean clockwise) {
    int forward = clockwise ? -1 : 1;
    return switch (side.side) {
      case 0 -> new Side(side.i + forward, side.j, 0);
      case 1 -> new Side(side.i, side.j + forward, 1);
      case 2 -> new Side(side.i - forward, side.j, 2);
      default -> new Side(side.i, side.j - forward, 3);
    };
  }

  private boolean inTown(Side side) {
    return side.i >= 0 && side.j >= 0 && side.i < town.blocks() && side.j < town.blocks();
  }

  /** The junction at the corner where a side ends. */
  private int junction(Side side, boolean clockwise) {
    int corner = clockwise ? side.side : (side.side + 1) % SIDES;
    int i = side.i + (corner == 1 || corner == 2 ? 1 : 0);
    int j = side.j + (corner == 2 || corner == 3 ? 1 : 0);
    return roads.junctionNumber(i, j);
  }
}
