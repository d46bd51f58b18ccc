package dev.bevel.nuscenes.simulator.models;

import dev.bevel.nuscenes.simulator.models.MeshBuilder.Faces;
import dev.bevel.nuscenes.simulator.models.MeshBuilder.Slice;
import dev.bevel.nuscenes.simulator.scene.Hash;
import dev.bevel.nuscenes.simulator.scene.Material;

/** People on foot and on two wheels. */
final class PersonModels {
  private PersonModels() {}

  /** Somebody in mid-stride: the further apart the feet, the longer the box. */
  static MeshBuilder walking(
      String category, double width, double length, double height, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    Material legs = Materials.cloth(variant, 40);
    Material torso = torso(category, variant);
    Material skin = Materials.skin(variant);
    double w = width / 2;
    double hip = 0.5 * height;
    double shoulder = 0.82 * height;
    double girth = 0.09 * height;
    double stride = 0.42 * length;
    int lead = Hash.unit(variant, 41) < 0.5 ? 1 : -1;
    for (int side = -1; side <= 1; side += 2) {
      double y = side * 0.42 * w;
      double foot = side * lead * stride;
      leg(mesh, foot, y, hip, girth, legs);
      double hand = -side * lead * 0.8 * stride;
      arm(mesh, side, hand, w, shoulder, 0.46 * height, 0.6 * girth, torso, skin);
    }
    mesh.frustum(
        Slice.of(-0.075 * height, 0.075 * height, 0.62 * w, hip - 0.04 * height),
        Slice.of(-0.07 * height, 0.08 * height, 0.85 * w, shoulder),
        Faces.of(torso));
    head(mesh, 0.02 * height, height, height, skin, headgear(category));
    return mesh;
  }

  /**
   * A rider.
   *
   * @param hip x of the seat
   * @param seat height of the seat
   * @param top height of the crown of the head
   * @param grip the middle of the handlebar
   * @param reach half the distance between the hands
   */
  static void seated(
      MeshBuilder mesh,
      double hip,
      double seat,
      double top,
      double[] grip,
      double reach,
      boolean helmet,
      long variant) {
    Material legs = Materials.cloth(variant, 40);
    Material torso = Materials.cloth(variant, 42);
    Material skin = Materials.skin(variant);
    double height = 1.75;
    double shoulder = top - 0.17 * height;
    double lean = hip + 0.35 * (grip[0] - hip);
    double half = Math.min(reach, 0.22);
    for (int side = -1; side <= 1; side += 2) {
      double y = side * 0.6 * half;
      double[] knee = {hip + 0.4, y * 1.4, 0.72 * seat};
      mesh.beam(new double[] {hip, y, seat + 0.06}, knee, 0.15, legs);
      mesh.beam(knee, new double[] {hip + 0.15, y * 1.4, 0.28 * seat}, 0.11, legs);
      mesh.beam(
          new double[] {lean, side * half, shoulder - 0.04},
          new double[] {grip[0], side * reach, grip[2] + 0.03},
          0.09,
          torso);
    }
    mesh.frustum(
        Slice.of(hip - 0.13, hip + 0.13, 0.8 * half, seat),
        Slice.of(lean - 0.12, lean + 0.1, half, shoulder),
        Faces.of(torso));
    Material crown = helmet ? Materials.paint(Hash.bits(variant, 43)) : Materials.HAIR;
    head(mesh, lean + 0.05, top, height, skin, crown);
  }

  private static void leg(
      MeshBuilder mesh, double foot, double y, double hip, double girth, Material cloth) {
    double[] knee = {0.45 * foot + 0.12 * Math.abs(foot), y, 0.52 * hip};
    mesh.beam(new double[] {0, y, hip}, knee, girth, cloth);
    mesh.beam(knee, new double[] {foot, y, 0.1 * hip}, 0.8 * girth, cloth);
    mesh.box(
        foot - 0.6 * girth,
        y - 0.4 * girth,
        0,
        foot + 1.1 * girth,
        y + 0.4 * girth,
        0.1 * hip,
        Faces.of(Materials.SHOE));
  }

  private static void arm(
      MeshBuilder mesh,
      int side,
      double hand,
      double w,
      double shoulder,
      double low,
      double girth,
      Material sleeve,
      Material skin) {
    double[] top = {0, side * (w - girth / 2), shoulder - girth / 2};
    double[] elbow = {0.25 * hand, side * (w - girth / 2), (shoulder + low) / 2};
    double[] end = {hand, side * (w - girth / 2), low};
    mesh.beam(top, elbow, girth, sleeve);
    mesh.beam(elbow, end, 0.8 * girth, skin);
  }

  private static void head(
      MeshBuilder mesh, double x, double top, double height, Material skin, Material crown) {
    double radius = 0.07 * height;
    double centre = top - 0.085 * height;
    mesh.box(
        x - 0.4 * radius,
        -0.4 * radius,
        centre - 1.9 * radius,
        x + 0.4 * radius,
        0.4 * radius,
        centre,
        Faces.of(skin));
    mesh.ellipsoid(x, 0, centre, radius, 0.85 * radius, 1.2 * radius, skin);
    mesh.ellipsoid(
        x - 0.15 * radius, 0, centre + 0.45 * radius, radius, 0.9 * radius, 0.8 * radius, crown);
  }

  private static Material torso(String category, long variant) {
    return switch (category) {
      case "human.pedestrian.construction_worker" ->
          Hash.unit(variant, 44) < 0.5 ? Materials.SAFETY_ORANGE : Materials.SAFETY_YELLOW;
      case "human.pedestrian.police_officer" -> Materials.plain(0.02, 0.03, 0.1, 0.3);
      default -> Materials.cloth(variant, 42);
    };
  }

  private static Material headgear(String category) {
    return switch (category) {
      case "human.pedestrian.construction_worker" -> Materials.plain(0.8, 0.65, 0.05, 0.7);
      case "human.pedestrian.police_officer" -> Materials.plain(0.02, 0.02, 0.06, 0.3);
      default -> Materials.HAIR;
    };
  }
}
