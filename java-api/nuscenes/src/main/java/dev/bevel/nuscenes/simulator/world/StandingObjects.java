package dev.bevel.nuscenes.simulator.world;

import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import dev.bevel.nuscenes.simulator.town.CarPark;
import dev.bevel.nuscenes.simulator.town.Footprint;
import dev.bevel.nuscenes.simulator.town.Neighbourhood;
import dev.bevel.nuscenes.simulator.town.Roads;
import dev.bevel.nuscenes.simulator.town.Roads.Lane;
import dev.bevel.nuscenes.simulator.town.Sidewalks;
import dev.bevel.nuscenes.simulator.town.Sidewalks.Point;
import dev.bevel.nuscenes.simulator.town.Sidewalks.Side;
import dev.bevel.nuscenes.simulator.town.Street;
import dev.bevel.nuscenes.simulator.town.Town;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Objects that stay where they are: parked vehicles, work sites, people who stand, parked cycles.
 * All are out of the way of those who move.
 */
final class StandingObjects {
  /** How far from the ego vehicle's way objects are put, metres. */
  private static final double RADIUS = 95;

  private static final double MARGIN = 0.1;

  /** Length of a free place in a parking strip. */
  private static final double FREE = 6.5;

  private final Town town;
  private final TrafficAmounts amounts;
  private final Neighbourhood neighbourhood;
  private final long seed;
  private final List<WorldObject> objects = new ArrayList<>();
  private final List<Footprint> footprints = new ArrayList<>();

  private StandingObjects(
      Town town, TrafficAmounts amounts, Neighbourhood neighbourhood, long seed) {
    this.town = town;
    this.amounts = amounts;
    this.neighbourhood = neighbourhood;
    this.seed = seed;
  }

  static List<WorldObject> place(
      Town town, TrafficAmounts amounts, Neighbourhood neighbourhood, long seed) {
    StandingObjects standing = new StandingObjects(town, amounts, neighbourhood, seed);
    standing.strips();
    standing.carParks();
    standing.sidewalks();
    return List.copyOf(standing.objects);
  }

  /** Puts an object if it is near enough to matter and nothing is in its place. */
  private void put(ObjectShape shape, double u, double v, double du, double dv) {
    Pose pose = town.frame().pose(u, v, shape.height() / 2, du, dv);
    Footprint footprint = Footprint.of(pose, shape.width(), shape.length());
    if (neighbourhood.isWithin(RADIUS, pose.tx(), pose.ty())
        && footprints.stream().noneMatch(other -> footprint.isNear(other, MARGIN))) {
      int id = objects.size();
      footprints.add(footprint);
      objects.add(
          new WorldObject(
              id, shape, shape.mesh(Seeds.mix(seed, "mesh", id)), new Motion.Standing(pose)));
    }
  }

  private void strips() {
    Roads roads = new Roads(town);
    int number = 0;
    for (Lane lane : roads.lanes(true)) {
      SplittableRandom random = Seeds.random(seed, "strip", number++);
      if (!lane.street().parking(lane.direction())) {
        continue;
      }
      double length = roads.length(lane);
      double along = Seeds.between(random, 0, 3);
      if (length > 40 && Seeds.chance(random, amounts.workSites())) {
        double site = Seeds.between(random, 5, length - 32);
        park(lane, roads.begin(lane), along, site - 1, random);
        workSite(lane, roads.begin(lane) + lane.direction() * site, random);
        along = site + 25;
      }
      park(lane, roads.begin(lane), along, length, random);
    }
  }

  private void park(Lane lane, double begin, double from, double to, SplittableRandom random) {
    double along = from;
    while (along < to) {
      if (!Seeds.chance(random, amounts.parking())) {
        along += FREE;
        continue;
      }
      ObjectShape shape = ObjectShape.draw(drawParked(random), random);
      double aside = Seeds.between(random, -0.1, 0.1);
      double askew = Seeds.between(random, -0.02, 0.02);
      if (along + shape.length() < to) {
        double middle = begin + lane.direction() * (along + shape.length() / 2);
        double out = Street.STRIP - 0.15 - shape.width() / 2 + aside;
        putBeside(shape, lane, middle, out, lane.direction(), askew);
      }
      along += shape.length() + Seeds.between(random, 0.7, 1.8);
    }
  }

  private static String drawParked(SplittableRandom random) {
    double draw = random.nextDouble();
    if (draw < 0.82) {
      return ObjectShape.CAR;
    }
    if (draw < 0.89) {
      return ObjectShape.TRUCK;
    }
    return draw < 0.94 ? ObjectShape.TRAILER : ObjectShape.MOTORCYCLE;
  }

  /**
   * Puts an object into the strip beside a lane.
   *
   * @param along coordinate along the street
   * @param out metres from the strip's inner line outwards
   * @param ahead of the heading, along the street's coordinate
   * @param aside of the heading, to the left of greater coordinates
   */
  private void putBeside(
      ObjectShape shape, Lane lane, double along, double out, double ahead, double aside) {
    Street street = lane.street();
    double left = -lane.direction() * (street.lanes() * Street.LANE + out);
    double du = street.alongU() ? ahead : -aside;
    double dv = street.alongU() ? aside : ahead;
    put(shape, street.u(along, left), street.v(along, left), du, dv);
  }

  /** A fenced stretch of a strip: cones in front, barriers, a machine, people at work. */
  private void workSite(Lane lane, double begin, SplittableRandom random) {
    int d = lane.direction();
    for (int i = 0; i < 4; i++) {
      ObjectShape cone = ObjectShape.draw(ObjectShape.CONE, random);
      putBeside(cone, lane, begin + d * 1.6 * i, 2.1 - 0.5 * i, d, 0);
    }
    int barriers = 4 + random.nextInt(3);
    for (int i = 0; i < barriers; i++) {
      ObjectShape barrier = ObjectShape.draw(ObjectShape.BARRIER, random);
      putBeside(barrier, lane, begin + d * (7.6 + 2.75 * i), 0.25, 0, lane.direction());
    }
    ObjectShape machine = ObjectShape.draw(ObjectShape.CONSTRUCTION, random);
    putBeside(
        machine,
        lane,
        begin + d * (11 + Seeds.between(random, 0, 1)),
        0.68 + machine.width() / 2,
        Seeds.chance(random, 0.5) ? d : -d,
        0);
    int workers = 1 + random.nextInt(3);
    for (int i = 0; i < workers; i++) {
      ObjectShape worker = ObjectShape.draw(ObjectShape.WORKER, random);
      putBeside(
          worker,
          lane,
          begin + d * (16 + 1.3 * i),
          Seeds.between(random, 1.1, 2.2),
          Seeds.between(random, -1, 1),
          1);
    }
    for (int i = 0; i < 3; i++) {
      ObjectShape cone = ObjectShape.draw(ObjectShape.CONE, random);
      putBeside(cone, lane, begin + d * (21 + i), 0.5 + 0.7 * i, d, 0);
    }
  }

  private void carParks() {
    for (int i = 0; i < town.blocks(); i++) {
      for (int j = 0; j < town.blocks(); j++) {
        SplittableRandom random = Seeds.random(seed, "car park", i, j);
        if (town.block(i, j) == Town.BlockKind.CAR_PARK) {
          for (CarPark.Slot slot : CarPark.slots(town, i, j)) {
            boolean taken = Seeds.chance(random, amounts.carPark());
            ObjectShape shape = ObjectShape.draw(ObjectShape.CAR, random);
            double heading = Seeds.chance(random, 0.5) ? 1 : -1;
            double askew = Seeds.between(random, -0.04, 0.04);
            double deep = Seeds.between(random, -0.2, 0.2);
            if (taken) {
              put(shape, slot.u(), slot.v() + deep, askew, heading);
            }
          }
        }
      }
    }
  }

  private void sidewalks() {
    Sidewalks walks = new Sidewalks(town, new Roads(town));
    for (int i = 0; i < town.blocks(); i++) {
      for (int j = 0; j < town.blocks(); j++) {
        for (int s = 0; s < 4; s++) {
          Side side = new Side(i, j, s);
          SplittableRandom random = Seeds.random(seed, "sidewalk", i, j, s);
          groups(walks, side, amounts.standing(), random, this::people);
          groups(walks, side, amounts.cycles(), random, this::parkedCycles);
        }
      }
    }
  }

  private interface Group {
    void put(Sidewalks walks, Side side, double along, SplittableRandom random);
  }

  private static void groups(
      Sidewalks walks, Side side, double mean, SplittableRandom random, Group group) {
    int count = (int) (mean + random.nextDouble());
    for (int n = 0; n < count; n++) {
      group.put(walks, side, Seeds.between(random, 6, walks.length(side) - 10), random);
    }
  }

  private void people(Sidewalks walks, Side side, double along, SplittableRandom random) {
    int count = 1 + random.nextInt(3);
    for (int n = 0; n < count; n++) {
      boolean police = Seeds.chance(random, 0.04);
      ObjectShape shape = ObjectShape.draw(police ? ObjectShape.POLICE : ObjectShape.ADULT, random);
      double back = Sidewalks.STANDING + Seeds.between(random, 0, 0.4);
      Point at = walks.point(side, along + 0.85 * n, back);
      put(shape, at.u(), at.v(), Seeds.between(random, -1, 1), Seeds.chance(random, 0.5) ? 1 : -1);
    }
  }

  private void parkedCycles(Sidewalks walks, Side side, double along, SplittableRandom random) {
    boolean motorcycles = Seeds.chance(random, 0.35);
    int count = 1 + random.nextInt(4);
    for (int n = 0; n < count; n++) {
      ObjectShape shape =
          ObjectShape.draw(
              motorcycles ? ObjectShape.MOTORCYCLE : ObjectShape.BICYCLE, false, random);
      double middle = Sidewalks.STANDING - 0.2 + shape.length() / 2;
      Point at = walks.point(side, along + 1.05 * n, middle);
      Point kerb = walks.point(side, along + 1.05 * n, 0);
      put(shape, at.u(), at.v(), kerb.u() - at.u(), kerb.v() - at.v());
    }
  }
}
