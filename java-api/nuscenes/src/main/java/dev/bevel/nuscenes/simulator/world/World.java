package dev.bevel.nuscenes.simulator.world;

import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.Lighting;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import dev.bevel.nuscenes.simulator.town.Scenery;
import dev.bevel.nuscenes.simulator.town.Town;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The made-up world of one scene, over its whole time. Not to be changed after it is made, and safe
 * for many threads.
 */
public final class World {
  /** How far bodies are handed to the sensors, metres from the ego vehicle. */
  private static final double SIGHT = 170;

  private final Town town;
  private final EgoVehicle ego;
  private final List<Placement> scenery;
  private final List<WorldObject> objects;
  private final Lighting lighting;

  /**
   * @param seconds of the scene
   * @param seed of this scene alone
   */
  public World(TrafficAmounts amounts, double seconds, long seed) {
    this.town = new Town(Seeds.mix(seed, "town"));
    MovingObjects moving = new MovingObjects(town, amounts, seconds, Seeds.mix(seed, "moving"));
    this.ego = new EgoVehicle(moving.ego());
    List<WorldObject> all =
        new ArrayList<>(
            StandingObjects.place(
                town, amounts, moving.neighbourhood(), Seeds.mix(seed, "standing")));
    all.addAll(moving.objects(all.size()));
    this.objects = List.copyOf(all);
    this.scenery = Scenery.place(town, moving.neighbourhood(), Seeds.mix(seed, "scenery"));
    this.lighting = lighting(seed);
  }

  private static Lighting lighting(long seed) {
    SplittableRandom random = Seeds.random(seed, "lighting");
    double azimuth = Seeds.between(random, 0, 2 * StrictMath.PI);
    double elevation = Seeds.between(random, 0.45, 1.15);
    double level = StrictMath.cos(elevation);
    return new Lighting(
        level * StrictMath.cos(azimuth),
        level * StrictMath.sin(azimuth),
        StrictMath.sin(elevation),
        Seeds.between(random, 0.3, 1),
        Seeds.between(random, 180, 500),
        random.nextLong());
  }

  public Town town() {
    return town;
  }

  public EgoVehicle ego() {
    return ego;
  }

  /** All annotated objects; each one's id is its index. */
  public List<WorldObject> objects() {
    return objects;
  }

  /** All that can be seen from the ego vehicle at a time of the scene, in seconds. */
  public Snapshot snapshot(double time) {
    Pose from = ego.pose(time);
    List<Placement> bodies = new ArrayList<>();
    for (Placement body : scenery) {
      if (isInSight(from, body.bodyToGlobal())) {
        bodies.add(body);
      }
    }
    for (WorldObject object : objects) {
      Placement body = object.placement(time);
      if (isInSight(from, body.bodyToGlobal())) {
        bodies.add(body);
      }
    }
    return new Snapshot(bodies, town, lighting);
  }

  private static boolean isInSight(Pose from, Pose body) {
    double dx = body.tx() - from.tx();
    double dy = body.ty() - from.ty();
    return dx * dx + dy * dy < SIGHT * SIGHT;
  }
}
