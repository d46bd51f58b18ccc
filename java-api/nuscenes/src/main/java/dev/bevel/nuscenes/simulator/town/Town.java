package dev.bevel.nuscenes.simulator.town;

import dev.bevel.nuscenes.simulator.scene.GroundKind;
import dev.bevel.nuscenes.simulator.scene.GroundMap;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * The plan of a town: streets along u and along v that meet at junctions, and the blocks between
 * them. Two directions of at least four streets each; the outermost form a ring, so that traffic
 * never has to leave. It is the ground map, too: every look-up costs a few comparisons.
 */
public final class Town implements GroundMap {
  /** What a block is used for. */
  public enum BlockKind {
    BUILDINGS,
    PARK,
    CAR_PARK
  }

  /** Width of the land around the outermost streets that belongs to the map. */
  static final double MARGIN = 60;

  private static final int STREETS = 4;
  private static final double KERB = 0.2;
  private static final double LINE = 0.07;

  private final TownFrame frame;
  private final List<Street> alongU;
  private final List<Street> alongV;
  private final BlockKind[] blocks;
  private final double[][] blockBounds;
  private final Street[] nearestToU;
  private final Street[] nearestToV;
  private final double sizeX;
  private final double sizeY;

  public Town(long seed) {
    SplittableRandom random = Seeds.random(seed, "town");
    this.alongU = streets(random, true);
    this.alongV = streets(random, false);
    this.blocks = new BlockKind[(STREETS - 1) * (STREETS - 1)];
    this.blockBounds = new double[blocks.length][];
    for (int i = 0; i < blocks.length; i++) {
      blockBounds[i] = bounds(i / blocks(), i % blocks());
      double draw = random.nextDouble();
      blocks[i] =
          draw < 0.6 ? BlockKind.BUILDINGS : draw < 0.8 ? BlockKind.PARK : BlockKind.CAR_PARK;
    }
    this.nearestToU = nearest(alongV);
    this.nearestToV = nearest(alongU);
    double angle = Seeds.between(random, -0.35, 0.35);
    double period = Seeds.between(random, 220, 300);
    TownFrame centred =
        new TownFrame(
            StrictMath.cos(angle),
            StrictMath.sin(angle),
            period * Seeds.between(random, -0.018, 0.018),
            period,
            0,
            0);
    double[] bounds = bounds(centred);
    this.frame =
        new TownFrame(
            centred.cos(),
            centred.sin(),
            centred.amplitude(),
            centred.period(),
            -bounds[0],
            -bounds[1]);
    this.sizeX = bounds[2] - bounds[0];
    this.sizeY = bounds[3] - bounds[1];
  }

  private static List<Street> streets(SplittableRandom random, boolean alongU) {
    double[] centres = new double[STREETS];
    for (int i = 1; i < STREETS; i++) {
      centres[i] = centres[i - 1] + Seeds.between(random, 76, 104);
    }
    return IntStream.range(0, STREETS)
        .mapToObj(
            i -> {
              boolean ring = i == 0 || i == STREETS - 1;
              return new Street(
                  alongU,
                  i,
                  centres[i],
                  !ring && Seeds.chance(random, 0.4) ? 2 : 1,
                  Seeds.chance(random, 0.65),
                  Seeds.chance(random, 0.65));
            })
        .toList();
  }

  /** For each metre from 0 the nearest of the streets. */
  private static Street[] nearest(List<Street> streets) {
    Street[] table = new Street[(int) Math.ceil(streets.getLast().centre()) + 1];
    int next = 0;
    for (int metre = 0; metre < table.length; metre++) {
      while (next + 1 < streets.size()
          && metre + 0.5 > (streets.get(next).centre() + streets.get(next + 1).centre()) / 2) {
        next++;
      }
      table[metre] = streets.get(next);
    }
    return table;
  }

  private double[] bounds(TownFrame at) {
    double[] bounds = {Double.MAX_VALUE, Double.MAX_VALUE, -Double.MAX_VALUE, -Double.MAX_VALUE};
    for (double u = -MARGIN; u < endU() + MARGIN + 1; u += 1) {
      for (double v : new double[] {-MARGIN, endV() + MARGIN}) {
        bounds[0] = Math.min(bounds[0], at.x(u, v));
        bounds[1] = Math.min(bounds[1], at.y(u, v));
        bounds[2] = Math.max(bounds[2], at.x(u, v));
        bounds[3] = Math.max(bounds[3], at.y(u, v));
      }
    }
    return bounds;
  }

  public TownFrame frame() {
    return frame;
  }

  /** Extent of the map along the global x axis, from 0; metres. */
  double sizeX() {
    return sizeX;
  }

  /** Extent of the map along the global y axis, from 0; metres. */
  double sizeY() {
    return sizeY;
  }

  /** The streets along u, or those along v, by growing centre. */
  List<Street> streets(boolean alongU) {
    return alongU ? this.alongU : alongV;
  }

  /** The streets that a street meets, in order. */
  List<Street> crossStreets(Street street) {
    return streets(!street.alongU());
  }

  private double endU() {
    return alongV.getLast().centre();
  }

  private double endV() {
    return alongU.getLast().centre();
  }

  /** Number of blocks along u, and as many along v. */
  public int blocks() {
    return STREETS - 1;
  }

  public BlockKind block(int i, int j) {
    return blocks[i * blocks() + j];
  }

  /** The block's land, from kerb to kerb: least u, least v, greatest u, greatest v. Not a copy. */
  double[] blockBounds(int i, int j) {
    return blockBounds[i * blocks() + j];
  }

  private double[] bounds(int i, int j) {
    return new double[] {
      alongV.get(i).centre() + alongV.get(i).half(),
      alongU.get(j).centre() + alongU.get(j).half(),
      alongV.get(i + 1).centre() - alongV.get(i + 1).half(),
      alongU.get(j + 1).centre() - alongU.get(j + 1).half()
    };
  }

  @Override
  public GroundKind at(double x, double y) {
    double u = frame.u(x, y);
    double v = frame.v(x, y, u);
    Street upright = nearestToU[Math.clamp((long) u, 0, nearestToU.length - 1)];
    Street level = nearestToV[Math.clamp((long) v, 0, nearestToV.length - 1)];
    double leftOfUpright = upright.centre() - u;
    double leftOfLevel = v - level.centre();
    double fromUpright = Math.abs(leftOfUpright) - upright.half();
    double fromLevel = Math.abs(leftOfLevel) - level.half();
    boolean inRing = beyondRing(u, endU(), alongV) < 0 && beyondRing(v, endV(), alongU) < 0;
    if (inRing && fromUpright < 0 && fromLevel < 0) {
      return GroundKind.ROAD;
    }
    if (inRing && fromUpright < 0) {
      return road(upright, v, leftOfUpright, fromLevel, leftOfLevel > 0);
    }
    if (inRing && fromLevel < 0) {
      return road(level, u, leftOfLevel, fromUpright, leftOfUpright < 0);
    }
    return land(u, v, fromUpright, fromLevel, inRing);
  }

  /** How far outside the outer kerbs of the ring a coordinate is; negative inside. */
  private static double beyondRing(double coordinate, double end, List<Street> streets) {
    return Math.max(
        -streets.getFirst().half() - coordinate, coordinate - end - streets.getLast().half());
  }

  /**
   * @param along coordinate along the street
   * @param left of the street's middle
   * @param edge metres from the nearest junction's edge
   * @param after whether that junction lies at a smaller coordinate
   */
  private static GroundKind road(
      Street street, double along, double left, double edge, boolean after) {
    double out = Math.abs(left);
    if (edge < Street.STOP_FROM) {
      boolean crossing = edge > Street.CROSSING_FROM && edge < Street.CROSSING_TO;
      return crossing && ((int) (out * 2) & 1) == 0 ? GroundKind.CROSSING_STRIPE : GroundKind.ROAD;
    }
    boolean towardsJunction = after == (left > 0);
    if (edge < Street.STOP_TO) {
      boolean stops = towardsJunction && out < street.lanes() * Street.LANE && out > 0.2;
      return stops ? GroundKind.WHITE_PAINT : GroundKind.ROAD;
    }
    if (out < 0.2) {
      return out > 0.06 ? GroundKind.YELLOW_PAINT : GroundKind.ROAD;
    }
    double besideLane = out - street.lanes() * Street.LANE;
    if (Math.abs(besideLane) < LINE) {
      return GroundKind.WHITE_PAINT;
    }
    if (besideLane > 0) {
      boolean slots = street.parking(left < 0 ? 1 : -1);
      double slot = along / 6.5;
      return slots && Math.abs(slot - Math.floor(slot) - 0.5) < 0.01
          ? GroundKind.WHITE_PAINT
          : GroundKind.ROAD;
    }
    double dash = along / 8;
    boolean separator = street.lanes() == 2 && Math.abs(out - Street.LANE) < LINE;
    return separator && dash - Math.floor(dash) < 0.4 ? GroundKind.WHITE_PAINT : GroundKind.ROAD;
  }

  private GroundKind land(
      double u, double v, double fromUpright, double fromLevel, boolean inRing) {
    double edge =
        inRing
            ? Math.min(fromUpright, fromLevel)
            : Math.max(beyondRing(u, endU(), alongV), beyondRing(v, endV(), alongU));
    if (edge < KERB) {
      return GroundKind.KERB;
    }
    if (edge < Street.SIDEWALK) {
      return GroundKind.SIDEWALK;
    }
    if (inRing && blockAt(u, v) == BlockKind.CAR_PARK) {
      return CarPark.ground(this, u, v, edge);
    }
    return GroundKind.GRASS;
  }

  private BlockKind blockAt(double u, double v) {
    return block(blockIndex(u, alongV), blockIndex(v, alongU));
  }

  /** Which block a coordinate inside the ring is in. */
  int blockIndex(double coordinate, List<Street> streets) {
    int index = 0;
    while (index + 2 < streets.size() && coordinate > streets.get(index + 1).centre()) {
      index++;
    }
    return index;
  }
}
