package dev.bevel.nuscenes.simulator.town;

import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.models.ObjectModels;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import dev.bevel.nuscenes.simulator.town.Sidewalks.Point;
import dev.bevel.nuscenes.simulator.town.Sidewalks.Side;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** What nobody annotates: buildings, trees, street lamps. */
public final class Scenery {
  /** How far from the ego vehicle's way there is scenery, metres. */
  private static final double RADIUS = 190;

  /** From the kerb to the fronts of buildings. */
  private static final double SETBACK = Street.SIDEWALK + 3;

  private static final double LAMP_SPACING = 31;

  private final Town town;
  private final Neighbourhood neighbourhood;
  private final Sidewalks walks;
  private final long seed;
  private final List<Placement> bodies = new ArrayList<>();
  private final List<Footprint> buildings = new ArrayList<>();

  private Scenery(Town town, Neighbourhood neighbourhood, long seed) {
    this.town = town;
    this.neighbourhood = neighbourhood;
    this.walks = new Sidewalks(town, new Roads(town));
    this.seed = seed;
  }

  public static List<Placement> place(Town town, Neighbourhood neighbourhood, long seed) {
    Scenery scenery = new Scenery(town, neighbourhood, seed);
    for (int i = 0; i < town.blocks(); i++) {
      for (int j = 0; j < town.blocks(); j++) {
        scenery.block(i, j, Seeds.random(seed, "block", i, j));
      }
    }
    scenery.outskirts(Seeds.random(seed, "outskirts"));
    return List.copyOf(scenery.bodies);
  }

  private void put(Mesh mesh, double u, double v, double height, double du, double dv) {
    Pose pose = town.frame().pose(u, v, height / 2, du, dv);
    if (neighbourhood.isWithin(RADIUS, pose.tx(), pose.ty())) {
      bodies.add(new Placement(mesh, pose, Placement.SCENERY));
    }
  }

  private void block(int i, int j, SplittableRandom random) {
    for (int s = 0; s < 4; s++) {
      Side side = new Side(i, j, s);
      if (town.block(i, j) == Town.BlockKind.BUILDINGS) {
        buildings(side, random);
      }
      lampsAndTrees(side, random);
    }
    if (town.block(i, j) == Town.BlockKind.PARK) {
      park(i, j, random);
    }
  }

  private void buildings(Side side, SplittableRandom random) {
    double length = walks.length(side);
    double along = SETBACK;
    while (along < length - SETBACK - 9) {
      double front = Math.min(Seeds.between(random, 11, 24), length - SETBACK - along);
      double depth = Seeds.between(random, 9, 14);
      double height = 3.2 * (2 + random.nextInt(6)) + 1;
      Point middle = walks.point(side, along + front / 2, SETBACK + depth / 2);
      Point street = walks.point(side, along + front / 2, 0);
      building(middle, street, front, depth, height, random);
      along += front + (Seeds.chance(random, 0.3) ? Seeds.between(random, 3, 9) : 0.3);
    }
  }

  private void building(
      Point middle,
      Point street,
      double front,
      double depth,
      double height,
      SplittableRandom random) {
    double du = street.u() - middle.u();
    double dv = street.v() - middle.v();
    Pose pose = town.frame().pose(middle.u(), middle.v(), height / 2, du, dv);
    Footprint footprint = Footprint.of(pose, front, depth);
    if (buildings.stream().noneMatch(other -> footprint.isNear(other, 0.1))) {
      buildings.add(footprint);
      long variant = random.nextLong();
      put(
          ObjectModels.building(front, depth, height, variant),
          middle.u(),
          middle.v(),
          height,
          du,
          dv);
    }
  }

  private void lampsAndTrees(Side side, SplittableRandom random) {
    boolean trees = Seeds.chance(random, 0.5);
    double along = Seeds.between(random, 7, 12);
    while (along < walks.length(side) - 6) {
      Point lamp = walks.point(side, along, 0.4);
      Point street = walks.point(side, along, -1);
      double height = Seeds.between(random, 5.5, 7);
      put(
          ObjectModels.pole(height, random.nextLong()),
          lamp.u(),
          lamp.v(),
          height,
          street.u() - lamp.u(),
          street.v() - lamp.v());
      if (trees && along + LAMP_SPACING / 2 < walks.length(side) - SETBACK) {
        tree(walks.point(side, along + LAMP_SPACING / 2, Street.SIDEWALK + 1.2), random);
      }
      along += LAMP_SPACING;
    }
  }

  private void tree(Point at, SplittableRandom random) {
    double height = Seeds.between(random, 4.5, 8.5);
    double turn = Seeds.between(random, -1, 1);
    put(ObjectModels.tree(height, random.nextLong()), at.u(), at.v(), height, turn, 0.5);
  }

  private void park(int i, int j, SplittableRandom random) {
    double[] b = town.blockBounds(i, j);
    int trees = 14 + random.nextInt(14);
    for (int n = 0; n < trees; n++) {
      tree(
          new Point(
              Seeds.between(random, b[0] + SETBACK + 2, b[2] - SETBACK - 2),
              Seeds.between(random, b[1] + SETBACK + 2, b[3] - SETBACK - 2)),
          random);
    }
  }

  /** A row of buildings around the town, so that streets do not end in nothing. */
  private void outskirts(SplittableRandom random) {
    double[] first = town.blockBounds(0, 0);
    double[] last = town.blockBounds(town.blocks() - 1, town.blocks() - 1);
    double out = 2 * town.streets(true).getFirst().half() + SETBACK + 5;
    double[] low = {first[0] - out, first[1] - out};
    double[] high = {last[2] + out, last[3] + out};
    for (int axis = 0; axis < 2; axis++) {
      for (int end = 0; end < 2; end++) {
        double across = end == 0 ? low[1 - axis] : high[1 - axis];
        double along = low[axis];
        while (along < high[axis]) {
          double front = Seeds.between(random, 14, 30);
          double a = along + front / 2;
          double towards = end == 0 ? 1 : -1;
          Point middle = axis == 0 ? new Point(a, across) : new Point(across, a);
          Point street =
              axis == 0 ? new Point(a, across + towards) : new Point(across + towards, a);
          double height = 3.2 * (2 + random.nextInt(5)) + 1;
          building(middle, street, front, 10, height, random);
          along += front + Seeds.between(random, 0.5, 8);
        }
      }
    }
  }
}
