package dev.bevel.nuscenes.simulator.world;

import dev.bevel.nuscenes.simulator.scene.Seeds;
import dev.bevel.nuscenes.simulator.town.Journey;
import dev.bevel.nuscenes.simulator.town.Neighbourhood;
import dev.bevel.nuscenes.simulator.town.Roads;
import dev.bevel.nuscenes.simulator.town.Roads.Lane;
import dev.bevel.nuscenes.simulator.town.Route;
import dev.bevel.nuscenes.simulator.town.Sidewalks;
import dev.bevel.nuscenes.simulator.town.Sidewalks.Side;
import dev.bevel.nuscenes.simulator.town.Town;
import dev.bevel.nuscenes.simulator.town.Track;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Everybody who is on the way in a scene: vehicles, cycles and pedestrians, the ego vehicle among
 * them. They start at rest some seconds before the scene, so that it begins in flowing traffic.
 */
final class MovingObjects {
  /** Seconds of traffic before the scene begins. */
  static final double WARM_UP = 14;

  /** Seconds of traffic after the scene's end. */
  private static final double AFTER = 0.5;

  /** How far from the ego vehicle's way there is traffic, metres. */
  private static final double RADIUS = 115;

  private static final double FASTEST = 10.5;
  private static final double STARTING_GAP = 3;

  /** From a truck to its trailer, metres. */
  private static final double HITCH = 1.1;

  private final Town town;
  private final Roads roads;
  private final Sidewalks sidewalks;
  private final TrafficAmounts amounts;
  private final long seed;
  private final double duration;
  private final List<Mover> movers = new ArrayList<>();
  private final List<Made> made = new ArrayList<>();
  private final Mover ego;
  private final Neighbourhood neighbourhood;

  /** What moves with a mover. */
  private record Made(ObjectShape shape, Mover mover, double behind) {}

  MovingObjects(Town town, TrafficAmounts amounts, double seconds, long seed) {
    this.town = town;
    this.roads = new Roads(town);
    this.sidewalks = new Sidewalks(town, roads);
    this.amounts = amounts;
    this.seed = seed;
    this.duration = WARM_UP + seconds + AFTER;
    this.ego = ego(Seeds.random(seed, "ego"));
    Track track = ego.route.track();
    this.neighbourhood =
        new Neighbourhood(
            track,
            ego.route.start(),
            Math.min(track.length(), ego.route.start() + duration * FASTEST * 0.7));
    movers.add(ego);
    vehicles();
    cycles();
    walkers();
    TrafficFlow.run(movers, (int) Math.ceil(duration / Journey.STEP) + 1);
  }

  /** How the ego vehicle goes; see {@link EgoVehicle}. */
  Journey ego() {
    return ego.journey;
  }

  Neighbourhood neighbourhood() {
    return neighbourhood;
  }

  /** All but the ego vehicle. */
  List<WorldObject> objects(int firstId) {
    List<WorldObject> objects = new ArrayList<>();
    for (Made each : made) {
      int id = firstId + objects.size();
      ObjectShape shape = each.shape;
      double axle = 0.3 * shape.length();
      Motion motion =
          new Motion.Travelling(each.mover.journey, each.behind, axle, shape.height() / 2);
      objects.add(new WorldObject(id, shape, shape.mesh(Seeds.mix(seed, "mesh", id)), motion));
    }
    return objects;
  }

  private Mover ego(SplittableRandom random) {
    List<Lane> inner =
        roads.lanes(false).stream()
            .filter(lane -> lane.street().index() > 0 && lane.street().index() < town.blocks())
            .toList();
    Lane lane = inner.get(random.nextInt(inner.size()));
    double length = roads.length(lane);
    double along = Seeds.between(random, 0.2, 0.7) * length;
    Route route = roads.route(lane, along, duration * FASTEST + 20, random);
    return new Mover(
        0,
        Mover.Kind.EGO,
        route,
        EgoVehicle.LENGTH / 2,
        EgoVehicle.LENGTH / 2,
        EgoVehicle.WIDTH,
        Seeds.between(random, 7.5, 10),
        -WARM_UP);
  }

  private void vehicles() {
    int laneNumber = 0;
    for (Lane lane : roads.lanes(false)) {
      SplittableRandom random = Seeds.random(seed, "vehicles", laneNumber++);
      double length = roads.length(lane);
      double along = Seeds.between(random, 1, amounts.vehicleSpacing());
      while (along < length - 1) {
        along += vehicle(lane, along, random) + drawGap(random);
      }
    }
  }

  /** Exponential distances, as of cars that know nothing of each other. */
  private double drawGap(SplittableRandom random) {
    return STARTING_GAP - (amounts.vehicleSpacing() - 8) * StrictMath.log(1 - random.nextDouble());
  }

  /**
   * Puts a vehicle with its rear at {@code along}.
   *
   * @return its length
   */
  private double vehicle(Lane lane, double along, SplittableRandom random) {
    String category = drawVehicle(random);
    boolean cycle = category.equals(ObjectShape.MOTORCYCLE);
    ObjectShape shape = ObjectShape.draw(category, cycle, random);
    boolean tows = category.equals(ObjectShape.TRUCK) && Seeds.chance(random, 0.3);
    ObjectShape trailer = ObjectShape.draw(ObjectShape.TRAILER, random);
    double towed = tows ? HITCH + trailer.length() : 0;
    double front = shape.length() / 2;
    double total = shape.length() + towed;
    if (along + total > roads.length(lane) - 1) {
      return total;
    }
    Mover mover =
        start(
            Mover.Kind.VEHICLE,
            roads.route(lane, along + towed + front, duration * FASTEST + 20, random),
            front,
            front + towed,
            tows ? Math.max(shape.width(), trailer.width()) : shape.width(),
            Seeds.between(random, 7, FASTEST) * (total > 9 ? 0.85 : 1));
    if (mover != null) {
      made.add(new Made(shape, mover, 0));
      if (tows) {
        made.add(new Made(trailer, mover, front + HITCH + trailer.length() / 2));
      }
    }
    return total;
  }

  private static String drawVehicle(SplittableRandom random) {
    double draw = random.nextDouble();
    if (draw < 0.76) {
      return ObjectShape.CAR;
    }
    if (draw < 0.88) {
      return ObjectShape.TRUCK;
    }
    return draw < 0.94 ? ObjectShape.BUS : ObjectShape.MOTORCYCLE;
  }

  private void cycles() {
    int laneNumber = 0;
    for (Lane lane : roads.lanes(true)) {
      SplittableRandom random = Seeds.random(seed, "cycles", laneNumber++);
      double along = Seeds.between(random, 2, 6 * amounts.vehicleSpacing());
      while (along < roads.length(lane) - 3) {
        ObjectShape shape = ObjectShape.draw(ObjectShape.BICYCLE, true, random);
        double speed = Seeds.between(random, 3.5, 6);
        Route route = roads.route(lane, along, duration * speed + 20, random);
        double half = shape.length() / 2;
        Mover mover = start(Mover.Kind.CYCLE, route, half, half, shape.width(), speed);
        if (mover != null) {
          made.add(new Made(shape, mover, 0));
        }
        along += Seeds.between(random, 10, 6 * amounts.vehicleSpacing());
      }
    }
  }

  private void walkers() {
    for (int i = 0; i < town.blocks(); i++) {
      for (int j = 0; j < town.blocks(); j++) {
        for (int side = 0; side < 4; side++) {
          walkers(new Side(i, j, side), Seeds.random(seed, "walkers", i, j, side));
        }
      }
    }
  }

  private void walkers(Side side, SplittableRandom random) {
    int count = (int) (amounts.walkers() + random.nextDouble());
    for (int n = 0; n < count; n++) {
      String category = Seeds.chance(random, 0.12) ? ObjectShape.CHILD : ObjectShape.ADULT;
      ObjectShape shape = ObjectShape.draw(category, random);
      double speed = Seeds.between(random, 1.0, 1.8);
      double along = Seeds.between(random, 0.5, sidewalks.length(side) - 8);
      Route route =
          sidewalks.route(side, along, Seeds.chance(random, 0.5), duration * speed + 5, random);
      double half = shape.length() / 2;
      Mover mover = start(Mover.Kind.WALKER, route, half, half, shape.width(), speed);
      if (mover != null) {
        made.add(new Made(shape, mover, 0));
      }
    }
  }

  /** Puts a mover on its way, if its place is free and near enough to matter. */
  private @Nullable Mover start(
      Mover.Kind kind, Route route, double front, double rear, double width, double speed) {
    Mover mover = new Mover(movers.size(), kind, route, front, rear, width, speed, -WARM_UP);
    boolean near =
        neighbourhood.isWithin(
            RADIUS, route.track().x(route.start()), route.track().y(route.start()));
    double distance = kind == Mover.Kind.WALKER ? 0.3 : 1;
    if (!near || movers.stream().anyMatch(other -> mover.isTooNear(other, distance))) {
      return null;
    }
    movers.add(mover);
    return mover;
  }
}
