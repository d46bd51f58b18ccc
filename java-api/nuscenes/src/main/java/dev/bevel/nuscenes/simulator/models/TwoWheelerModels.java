package dev.bevel.nuscenes.simulator.models;

import dev.bevel.nuscenes.simulator.models.MeshBuilder.Faces;
import dev.bevel.nuscenes.simulator.models.MeshBuilder.Slice;
import dev.bevel.nuscenes.simulator.scene.Material;

/** Motorcycles and bicycles, with somebody on them or left standing. */
final class TwoWheelerModels {
  private static final int WHEEL_SIDES = 8;

  private TwoWheelerModels() {}

  static MeshBuilder motorcycle(
      double width, double length, double height, boolean withRider, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    Material paint = Materials.paint(variant);
    double l = length / 2;
    double machine = withRider ? 0.66 * height : height;
    double radius = Math.min(0.3 * machine, 0.17 * length);
    wheel(mesh, -l + radius, radius, 0.6, 0.08);
    wheel(mesh, l - radius, radius, 0.62, 0.06);
    double bar = withRider ? machine : 0.95 * height;
    mesh.frustum(
        Slice.of(-l + 1.4 * radius, l - 2.3 * radius, 0.13, 0.8 * radius),
        Slice.of(-l + 0.8 * radius, l - 2 * radius, 0.15, 0.62 * machine),
        Faces.of(Materials.DARK));
    mesh.frustum(
        Slice.of(-0.05 * length, l - 1.9 * radius, 0.16, 0.6 * machine),
        Slice.of(0, l - 2.1 * radius, 0.1, 0.78 * machine),
        Faces.of(paint));
    mesh.box(-l, -0.1, 0.6 * machine, 0, 0.1, 0.69 * machine, Faces.of(Materials.DARK));
    double[] hub = {l - radius, 0, radius};
    double[] head = {l - 2.1 * radius, 0, bar - 0.02};
    mesh.beam(hub, head, 0.07, Materials.METAL);
    handlebar(mesh, head, 0.98 * width / 2);
    mesh.box(
        l - 1.95 * radius,
        -0.09,
        0.7 * machine,
        l - 1.7 * radius,
        0.09,
        0.82 * machine,
        Faces.of(Materials.HEADLIGHT));
    mesh.box(
        -l - 0.001,
        -0.08,
        0.56 * machine,
        -l + 0.05,
        0.08,
        0.62 * machine,
        Faces.of(Materials.REAR_LIGHT));
    if (withRider) {
      PersonModels.seated(
          mesh, -0.12 * length, 0.68 * machine, height, head, 0.9 * width / 2, true, variant);
    }
    return mesh;
  }

  static MeshBuilder bicycle(
      double width, double length, double height, boolean withRider, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    Material paint = Materials.paint(variant);
    double l = length / 2;
    double machine = withRider ? 0.62 * height : height;
    double radius = Math.min(0.32 * machine, 0.2 * length);
    wheel(mesh, -l + radius, radius, 0.82, 0.025);
    wheel(mesh, l - radius, radius, 0.82, 0.025);
    double[] rearHub = {-l + radius, 0, radius};
    double[] frontHub = {l - radius, 0, radius};
    double[] crank = {-0.05 * length, 0, 0.9 * radius};
    double[] seat = {-0.13 * length, 0, 0.85 * machine};
    double[] head = {l - 1.5 * radius, 0, 0.95 * machine};
    double tube = 0.05;
    mesh.beam(rearHub, crank, tube, paint);
    mesh.beam(rearHub, seat, tube, paint);
    mesh.beam(crank, seat, tube, paint);
    mesh.beam(crank, head, tube, paint);
    mesh.beam(seat, head, tube, paint);
    mesh.beam(frontHub, head, tube, paint);
    mesh.box(
        seat[0] - 0.12,
        -0.07,
        seat[2],
        seat[0] + 0.12,
        0.07,
        seat[2] + 0.05,
        Faces.of(Materials.DARK));
    handlebar(mesh, new double[] {head[0], 0, machine - 0.02}, width / 2);
    mesh.box(
        -l, -0.04, 1.9 * radius, -l + 0.06, 0.04, 2.1 * radius, Faces.of(Materials.REAR_LIGHT));
    if (withRider) {
      PersonModels.seated(mesh, seat[0], seat[2], height, head, 0.9 * width / 2, false, variant);
    }
    return mesh;
  }

  private static void wheel(MeshBuilder mesh, double x, double radius, double hole, double half) {
    mesh.ring(x, radius, radius, hole * radius, half, WHEEL_SIDES, Materials.RUBBER);
    double hub = 0.15 * radius;
    mesh.box(x - hub, -half, radius - hub, x + hub, half, radius + hub, Faces.of(Materials.METAL));
  }

  private static void handlebar(MeshBuilder mesh, double[] head, double half) {
    mesh.beam(
        new double[] {head[0], -half, head[2]},
        new double[] {head[0], half, head[2]},
        0.04,
        Materials.DARK);
  }
}
