package dev.bevel.nuscenes.simulator.world;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.GroundKind;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import dev.bevel.nuscenes.simulator.town.Footprint;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What happens in the made-up world, looked at without any sensor. */
final class WorldTest {
  private static final int SECONDS = 12;

  /** By how much footprints may overlap before two bodies count as in one another, metres. */
  private static final double TOLERANCE = 0.1;

  private static World world(TrafficAmounts amounts, long seed) {
    return new World(amounts, SECONDS, Seeds.mix(seed, "scene", 0));
  }

  private static Stream<World> worlds() {
    return Stream.of(
        world(TrafficAmounts.SPARSE, 1),
        world(TrafficAmounts.SPARSE, 2),
        world(TrafficAmounts.DENSE, 3));
  }

  private static Footprint footprint(WorldObject object, double time) {
    return Footprint.of(
        object.motion().pose(time), object.shape().width(), object.shape().length());
  }

  private static Footprint egoFootprint(World world, double time) {
    Pose middle = world.ego().pose(time).compose(new Pose(1, 0, 0, 0, 1.3, 0, 0));
    return Footprint.of(middle, EgoVehicle.WIDTH, EgoVehicle.LENGTH);
  }

  @ParameterizedTest
  @CsvSource({"false, 1", "false, 27", "false, 31", "true, 3", "true, 11", "true, 14"})
  void nobodyGoesThroughAnybody(boolean dense, long seed) {
    World world = world(dense ? TrafficAmounts.DENSE : TrafficAmounts.SPARSE, seed);
    for (double time = 0; time <= SECONDS; time += 0.5) {
      List<Footprint> all = new ArrayList<>();
      all.add(egoFootprint(world, time));
      for (WorldObject object : world.objects()) {
        all.add(footprint(object, time));
      }
      for (int i = 0; i < all.size(); i++) {
        for (int j = i + 1; j < all.size(); j++) {
          assertThat(all.get(i).isNear(all.get(j), -TOLERANCE))
              .as("at %s s, objects %d and %d (-1 is the ego vehicle)", time, i - 1, j - 1)
              .isFalse();
        }
      }
    }
  }

  @Test
  void vehiclesStayOnTheRoadAndPedestriansOffTheLanes() {
    worlds()
        .forEach(
            world -> {
              for (double time = 0; time <= SECONDS; time += 1) {
                for (WorldObject object : world.objects()) {
                  if (object.motion() instanceof Motion.Travelling) {
                    Pose at = object.motion().pose(time);
                    GroundKind ground = world.town().at(at.tx(), at.ty());
                    boolean walker = object.shape().category().startsWith("human.");
                    assertThat(walker ? isForWalking(ground) : ground.isDrivable())
                        .as("%s on %s", object.shape().category(), ground)
                        .isTrue();
                  }
                }
              }
            });
  }

  private static boolean isForWalking(GroundKind ground) {
    return switch (ground) {
      // The road between a crossing's stripes is plain road.
      case SIDEWALK, KERB, CROSSING_STRIPE, ROAD -> true;
      default -> false;
    };
  }

  @Test
  void sceneryStandsBesideTheRoad() {
    worlds()
        .forEach(
            world -> {
              for (Placement body : world.snapshot(0).bodies()) {
                if (body.id() == Placement.SCENERY) {
                  Pose at = body.bodyToGlobal();
                  assertThat(world.town().at(at.tx(), at.ty()))
                      .isNotIn(GroundKind.ROAD, GroundKind.WHITE_PAINT, GroundKind.CROSSING_STRIPE);
                }
              }
            });
  }

  @Test
  void attributesSayHowObjectsMove() {
    Set<String> seen =
        worlds()
            .flatMap(
                world ->
                    world.objects().stream()
                        .flatMap(
                            object ->
                                Stream.of(0.0, 5.0, 11.0)
                                    .map(time -> checkedAttribute(object, time))))
            .collect(Collectors.toSet());
    assertThat(seen)
        .contains(
            "vehicle.moving",
            "vehicle.stopped",
            "vehicle.parked",
            "cycle.with_rider",
            "cycle.without_rider",
            "pedestrian.moving",
            "pedestrian.standing",
            "");
  }

  private static String checkedAttribute(WorldObject object, double time) {
    double step = 0.01;
    Pose before = object.motion().pose(time - step);
    Pose after = object.motion().pose(time + step);
    double speed = Math.hypot(after.tx() - before.tx(), after.ty() - before.ty()) / (2 * step);
    String attribute = object.attribute(time);
    if (attribute.endsWith(".moving")) {
      assertThat(speed).isGreaterThan(0.1);
    } else if (!attribute.startsWith("cycle.") && !attribute.isEmpty()) {
      assertThat(speed).isLessThan(0.3);
    }
    if (attribute.equals("vehicle.parked") || attribute.equals("cycle.without_rider")) {
      assertThat(speed).isZero();
    }
    return attribute;
  }

  @Test
  void sizesArePlausibleForEachClass() {
    worlds()
        .flatMap(world -> world.objects().stream())
        .map(WorldObject::shape)
        .forEach(
            shape -> {
              DetectionClass of = DetectionClass.ofCategory(shape.category()).orElseThrow();
              double[] range = switch (of) { // least and greatest width, length, height
                    case CAR -> new double[] {1.6, 2.2, 3.8, 5.5, 1.35, 2.1};
                    case TRUCK -> new double[] {2.1, 2.8, 4.5, 9, 2.2, 3.5};
                    case BUS -> new double[] {2.6, 3.2, 9, 13.5, 3, 3.8};
                    case TRAILER -> new double[] {2.1, 2.7, 7, 14, 3, 4.3};
                    case CONSTRUCTION_VEHICLE -> new double[] {2, 3.2, 4.5, 8, 2.4, 3.6};
                    case MOTORCYCLE -> new double[] {0.6, 1, 1.7, 2.5, 1.1, 1.8};
                    case BICYCLE -> new double[] {0.4, 0.8, 1.5, 2, 0.9, 1.9};
                    case PEDESTRIAN -> new double[] {0.35, 0.8, 0.35, 0.9, 1, 2};
                    case TRAFFIC_CONE -> new double[] {0.3, 0.5, 0.3, 0.5, 0.7, 1.2};
                    case BARRIER -> new double[] {2, 2.8, 0.3, 0.7, 0.8, 1.2};
                  };
              assertThat(shape.width()).isBetween(range[0], range[1]);
              assertThat(shape.length()).isBetween(range[2], range[3]);
              assertThat(shape.height()).isBetween(range[4], range[5]);
            });
  }

  @Test
  void everyDetectionClassIsThere() {
    Set<DetectionClass> seen =
        worlds()
            .flatMap(world -> world.objects().stream())
            .map(object -> DetectionClass.ofCategory(object.shape().category()).orElseThrow())
            .collect(Collectors.toCollection(() -> EnumSet.noneOf(DetectionClass.class)));
    assertThat(seen).containsExactlyInAnyOrder(DetectionClass.values());
  }

  @Test
  void denseTrafficIsDenser() {
    double sparse = meanNear(TrafficAmounts.SPARSE);
    double dense = meanNear(TrafficAmounts.DENSE);
    System.out.printf(Locale.ROOT, "objects within 50 m: %.1f, dense %.1f%n", sparse, dense);
    assertThat(sparse).isBetween(15.0, 45.0);
    assertThat(dense).isGreaterThan(40);
  }

  private static double meanNear(TrafficAmounts amounts) {
    int count = 0;
    int worlds = 5;
    for (int seed = 0; seed < worlds; seed++) {
      World world = world(amounts, seed);
      Pose ego = world.ego().pose(6);
      for (WorldObject object : world.objects()) {
        Pose at = object.motion().pose(6);
        count += Math.hypot(at.tx() - ego.tx(), at.ty() - ego.ty()) < 50 ? 1 : 0;
      }
    }
    return (double) count / worlds;
  }

  @Test
  void theEgoVehicleDrivesSmoothlyOnTheGround() {
    double driven = 0;
    for (int seed = 0; seed < 6; seed++) {
      World world = world(TrafficAmounts.SPARSE, seed);
      Pose last = world.ego().pose(0);
      for (double time = 0.05; time <= SECONDS; time += 0.05) {
        Pose pose = world.ego().pose(time);
        double step = Math.hypot(pose.tx() - last.tx(), pose.ty() - last.ty());
        assertThat(pose.tz()).isZero();
        assertThat(step).isLessThan(12 * 0.05);
        assertThat(Math.abs(wrapped(pose.yaw() - last.yaw()))).isLessThan(0.1);
        driven += step;
        last = pose;
      }
    }
    assertThat(driven / 6).as("mean metres in %d s", SECONDS).isGreaterThan(25);
  }

  private static double wrapped(double angle) {
    return angle - 2 * Math.PI * Math.rint(angle / (2 * Math.PI));
  }

  @Test
  void boxesStandOnTheGroundAndHoldTheirBodies() {
    World world = world(TrafficAmounts.SPARSE, 1);
    for (WorldObject object : world.objects()) {
      assertThat(object.box(3).z()).isCloseTo(object.shape().height() / 2, within(1e-9));
      float[] positions = object.mesh().positions();
      for (int i = 0; i < positions.length; i += 3) {
        assertThat(Math.abs(positions[i])).isLessThanOrEqualTo((float) object.shape().length() / 2);
        assertThat(Math.abs(positions[i + 1]))
            .isLessThanOrEqualTo((float) object.shape().width() / 2);
        assertThat(Math.abs(positions[i + 2]))
            .isLessThanOrEqualTo((float) object.shape().height() / 2);
      }
    }
  }
}
