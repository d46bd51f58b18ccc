package dev.bevel.nuscenes.simulator.town;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.GroundKind;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import java.util.EnumSet;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class TownTest {
  @Test
  void thePlanAndTheGlobalFrameAreOneToOne() {
    SplittableRandom random = new SplittableRandom(1);
    for (int seed = 0; seed < 5; seed++) {
      Town town = new Town(seed);
      TownFrame frame = town.frame();
      for (int i = 0; i < 200; i++) {
        double u = Seeds.between(random, -50, 300);
        double v = Seeds.between(random, -50, 300);
        double x = frame.x(u, v);
        double y = frame.y(u, v);
        double back = frame.u(x, y);
        assertThat(back).isCloseTo(u, within(1e-9));
        assertThat(frame.v(x, y, back)).isCloseTo(v, within(1e-9));
        double h = 1e-5;
        Pose pose = frame.pose(u, v, 0, 0.6, -0.8);
        double dx = frame.x(u + 0.6 * h, v - 0.8 * h) - x;
        double dy = frame.y(u + 0.6 * h, v - 0.8 * h) - y;
        assertThat(pose.yaw()).isCloseTo(Math.atan2(dy, dx), within(1e-4));
      }
    }
  }

  @Test
  void aStreetHasLanesPaintKerbAndSidewalk() {
    for (int seed = 0; seed < 5; seed++) {
      Town town = new Town(seed);
      for (boolean alongU : new boolean[] {true, false}) {
        for (Street street : town.streets(alongU)) {
          double along =
              (town.crossStreets(street).get(0).centre()
                      + town.crossStreets(street).get(1).centre())
                  / 2;
          double edge = street.lanes() * Street.LANE;
          assertThat(at(town, street, along, 0)).isEqualTo(GroundKind.ROAD);
          assertThat(at(town, street, along, 0.1)).isEqualTo(GroundKind.YELLOW_PAINT);
          assertThat(at(town, street, along, 1.75)).isEqualTo(GroundKind.ROAD);
          assertThat(at(town, street, along, edge)).isEqualTo(GroundKind.WHITE_PAINT);
          assertThat(at(town, street, along, street.half() + 0.1)).isEqualTo(GroundKind.KERB);
          assertThat(at(town, street, along, street.half() + 2)).isEqualTo(GroundKind.SIDEWALK);
          assertThat(at(town, street, along, -street.half() - 2)).isEqualTo(GroundKind.SIDEWALK);
        }
      }
    }
  }

  private static GroundKind at(Town town, Street street, double along, double left) {
    double u = street.u(along, left);
    double v = street.v(along, left);
    return town.at(town.frame().x(u, v), town.frame().y(u, v));
  }

  @Test
  void everyLaneHasItsStopLineAndCrossing() {
    Town town = new Town(3);
    Roads roads = new Roads(town);
    for (Roads.Lane lane : roads.lanes(false)) {
      Street cross = town.crossStreets(lane.street()).get(lane.endJunction());
      double edge = cross.centre() - lane.direction() * cross.half();
      double stop = edge - lane.direction() * (Street.STOP_FROM + Street.STOP_TO) / 2;
      assertThat(at(town, lane.street(), stop, lane.left())).isEqualTo(GroundKind.WHITE_PAINT);
      double crossing = edge - lane.direction() * 2;
      assertThat(at(town, lane.street(), crossing, 2.25)).isEqualTo(GroundKind.CROSSING_STRIPE);
      assertThat(at(town, lane.street(), crossing, 2.75)).isEqualTo(GroundKind.ROAD);
    }
  }

  @Test
  void theGroundIsDefinedEverywhereAndVaried() {
    Set<GroundKind> seen = EnumSet.noneOf(GroundKind.class);
    for (int seed = 0; seed < 4; seed++) {
      Town town = new Town(seed);
      for (double x = -500; x < town.sizeX() + 500; x += 1.3) {
        for (double y = -500; y < town.sizeY() + 500; y += 1.7) {
          GroundKind kind = town.at(x, y);
          seen.add(kind);
          boolean outside = x < 0 || y < 0 || x > town.sizeX() || y > town.sizeY();
          assertThat(outside && kind.isDrivable()).isFalse();
        }
      }
    }
    assertThat(seen).containsExactlyInAnyOrder(GroundKind.values());
  }
}
