package dev.bevel.nuscenes.simulator.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.simulator.scene.Mesh;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ObjectModelsTest {
  private static final int VARIANTS = 40;

  @ParameterizedTest
  @CsvSource({
    "vehicle.car, 1.95, 4.62, 1.73",
    "vehicle.car, 1.6, 3.4, 1.5",
    "vehicle.truck, 2.51, 6.93, 2.84",
    "vehicle.bus.rigid, 2.94, 11.2, 3.47",
    "vehicle.bus.bendy, 2.95, 16.5, 3.4",
    "vehicle.trailer, 2.9, 12.3, 3.87",
    "vehicle.trailer, 1.2, 3.1, 1.4",
    "vehicle.construction, 2.85, 6.37, 3.19",
    "vehicle.motorcycle, 0.77, 2.11, 1.47",
    "vehicle.bicycle, 0.6, 1.7, 1.28",
    "vehicle.emergency.police, 1.9, 4.8, 1.6",
    "vehicle.emergency.ambulance, 2.3, 6, 2.7",
    "human.pedestrian.adult, 0.67, 0.73, 1.77",
    "human.pedestrian.child, 0.5, 0.5, 1.3",
    "human.pedestrian.construction_worker, 0.7, 0.9, 1.8",
    "human.pedestrian.police_officer, 0.7, 0.6, 1.8",
    "movable_object.trafficcone, 0.41, 0.41, 1.07",
    "movable_object.barrier, 2.53, 0.5, 0.98",
    "static_object.bicycle_rack, 2.5, 1.2, 1.1"
  })
  void objectsFillTheirBoxAndAreClosed(
      String category, double width, double length, double height) {
    for (long variant = 0; variant < VARIANTS; variant++) {
      for (boolean rider : List.of(true, false)) {
        Mesh mesh = ObjectModels.object(category, width, length, height, rider, variant);
        String what = category + " variant " + variant + " rider " + rider;
        assertBounds(mesh, what, length, width, height);
        assertSolid(mesh, what);
        assertThat(mesh.materials().length).as(what).isBetween(12, 420);
      }
    }
  }

  @Test
  void sceneryIsClosedAndAsHighAsAskedFor() {
    for (long variant = 0; variant < VARIANTS; variant++) {
      Mesh building = ObjectModels.building(12, 9, 6 + variant % 12, variant);
      assertBounds(building, "building " + variant, 9, 12, 6 + variant % 12);
      for (Mesh mesh :
          List.of(
              building,
              ObjectModels.tree(6, variant),
              ObjectModels.pole(7, variant),
              ObjectModels.pole(2.6, variant))) {
        assertSolid(mesh, "scenery " + variant);
      }
      assertThat(size(ObjectModels.tree(6, variant), 2)).isCloseTo(6, within(1e-5));
      assertThat(size(ObjectModels.pole(2.6, variant), 2)).isCloseTo(2.6, within(1e-5));
    }
  }

  @Test
  void sameArgumentsGiveTheSameMeshAndVariantsDiffer() {
    Mesh first = ObjectModels.object("vehicle.car", 1.9, 4.6, 1.6, false, 7);
    Mesh again = ObjectModels.object("vehicle.car", 1.9, 4.6, 1.6, false, 7);
    assertThat(again.positions()).isEqualTo(first.positions());
    assertThat(again.triangles()).isEqualTo(first.triangles());
    assertThat(again.materials()).isEqualTo(first.materials());
    Mesh other = ObjectModels.object("vehicle.car", 1.9, 4.6, 1.6, false, 8);
    assertThat(other.positions()).isNotEqualTo(first.positions());
  }

  @Test
  void headingShows() {
    Mesh car = ObjectModels.object("vehicle.car", 1.9, 4.6, 1.6, false, 3);
    for (int i = 0; i < car.materials().length; i++) {
      float x = car.positions()[3 * car.triangles()[3 * i]];
      if (car.materials()[i].equals(Materials.HEADLIGHT)) {
        assertThat(x).isPositive();
      } else if (car.materials()[i].equals(Materials.REAR_LIGHT)) {
        assertThat(x).isNegative();
      }
    }
    assertThat(car.materials()).contains(Materials.HEADLIGHT, Materials.REAR_LIGHT);
  }

  @Test
  void aRiderIsThereIfAskedFor() {
    for (String category : List.of("vehicle.motorcycle", "vehicle.bicycle")) {
      int alone = ObjectModels.object(category, 0.7, 2, 1.6, false, 1).materials().length;
      int ridden = ObjectModels.object(category, 0.7, 2, 1.6, true, 1).materials().length;
      assertThat(ridden).isGreaterThan(alone + 50);
    }
  }

  @Test
  void unknownCategoriesAndSizesAreRefused() {
    assertThatThrownBy(() -> ObjectModels.object("animal", 1, 1, 1, false, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'animal'");
    assertThatThrownBy(() -> ObjectModels.object("vehicle.car", 1, Double.NaN, 1, false, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NaN");
    assertThatThrownBy(() -> ObjectModels.building(-1, 9, 6, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("-1.0");
  }

  private static void assertBounds(Mesh mesh, String what, double... sizes) {
    for (int axis = 0; axis < 3; axis++) {
      float low = Float.MAX_VALUE;
      float high = -Float.MAX_VALUE;
      for (int i = axis; i < mesh.positions().length; i += 3) {
        low = Math.min(low, mesh.positions()[i]);
        high = Math.max(high, mesh.positions()[i]);
      }
      assertThat(low).as(what).isEqualTo((float) (-sizes[axis] / 2));
      assertThat(high).as(what).isEqualTo((float) (sizes[axis] / 2));
    }
  }

  private static double size(Mesh mesh, int axis) {
    double low = Double.MAX_VALUE;
    double high = -Double.MAX_VALUE;
    for (int i = axis; i < mesh.positions().length; i += 3) {
      low = Math.min(low, mesh.positions()[i]);
      high = Math.max(high, mesh.positions()[i]);
    }
    return high - low;
  }

  /** Every edge is used as often in one direction as in the other, and each part holds volume. */
  private static void assertSolid(Mesh mesh, String what) {
    int[] part = parts(mesh);
    Map<Integer, Double> volumes = new HashMap<>();
    Map<Long, Integer> edges = new HashMap<>();
    int[] t = mesh.triangles();
    for (int i = 0; i < t.length; i += 3) {
      for (int k = 0; k < 3; k++) {
        long from = t[i + k];
        long to = t[i + (k + 1) % 3];
        edges.merge(
            Math.min(from, to) << 32 | Math.max(from, to), from < to ? 1 : -1, Integer::sum);
      }
      volumes.merge(part[t[i]], volume(mesh, t[i], t[i + 1], t[i + 2]), Double::sum);
    }
    assertThat(edges.values()).as(what + " is closed").allMatch(balance -> balance == 0);
    assertThat(volumes.values()).as(what + " is turned outwards").allMatch(v -> v > 1e-7);
  }

  /** The number of the connected part each vertex belongs to. */
  private static int[] parts(Mesh mesh) {
    int[] part = new int[mesh.positions().length / 3];
    for (int i = 0; i < part.length; i++) {
      part[i] = i;
    }
    boolean changed = true;
    int[] t = mesh.triangles();
    while (changed) {
      changed = false;
      for (int i = 0; i < t.length; i += 3) {
        int low = Math.min(part[t[i]], Math.min(part[t[i + 1]], part[t[i + 2]]));
        for (int k = 0; k < 3; k++) {
          changed |= part[t[i + k]] != low;
          part[t[i + k]] = low;
        }
      }
    }
    return part;
  }

  private static double volume(Mesh mesh, int i, int j, int k) {
    float[] p = mesh.positions();
    double ax = p[3 * i];
    double ay = p[3 * i + 1];
    double az = p[3 * i + 2];
    double bx = p[3 * j];
    double by = p[3 * j + 1];
    double bz = p[3 * j + 2];
    double cx = p[3 * k];
    double cy = p[3 * k + 1];
    double cz = p[3 * k + 2];
    return (ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)) / 6;
  }
}
