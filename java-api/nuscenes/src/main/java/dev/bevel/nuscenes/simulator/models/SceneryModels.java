package dev.bevel.nuscenes.simulator.models;

import dev.bevel.nuscenes.simulator.models.MeshBuilder.Faces;
import dev.bevel.nuscenes.simulator.models.MeshBuilder.Slice;
import dev.bevel.nuscenes.simulator.scene.Hash;
import dev.bevel.nuscenes.simulator.scene.Material;
import dev.bevel.nuscenes.simulator.scene.Mesh;

/** Cones, barriers, buildings, trees and poles. */
final class SceneryModels {
  private SceneryModels() {}

  static MeshBuilder cone(double width, double length, double height) {
    MeshBuilder mesh = new MeshBuilder();
    double radius = 0.4 * Math.min(width, length);
    double foot = 0.06 * height;
    Material orange = Materials.SAFETY_ORANGE;
    mesh.frustum(
        Slice.of(-length / 2, length / 2, width / 2, 0),
        Slice.of(-0.46 * length, 0.46 * length, 0.46 * width, foot),
        Faces.of(Materials.DARK));
    double[] heights = {foot, 0.4 * height, 0.6 * height, 0.78 * height, 0.88 * height, height};
    Material[] bands = {orange, Materials.PLATE, orange, Materials.PLATE, orange};
    for (int i = 0; i < bands.length; i++) {
      double r0 = radius * (1.12 - heights[i] / height);
      double r1 = radius * (1.12 - heights[i + 1] / height);
      mesh.column(0, 0, heights[i], heights[i + 1], r0, r1, 8, bands[i], bands[i]);
    }
    return mesh;
  }

  /** A barrier across the heading: nuScenes' barriers are wide and short. */
  static MeshBuilder barrier(double width, double length, double height, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    double l = length / 2;
    double w = width / 2;
    if (Hash.unit(variant, 50) < 0.5) {
      // Moulded wall with a broad foot.
      Material wall = Hash.unit(variant, 51) < 0.5 ? Materials.CONCRETE : Materials.WARNING;
      mesh.frustum(
          Slice.of(-l, l, w, 0), Slice.of(-0.9 * l, 0.9 * l, w, 0.25 * height), Faces.of(wall));
      mesh.frustum(
          Slice.of(-0.9 * l, 0.9 * l, w, 0.25 * height),
          Slice.of(-0.45 * l, 0.45 * l, w, height),
          Faces.of(wall));
    } else {
      for (int side = -1; side <= 1; side += 2) {
        double y = side * 0.85 * w;
        double half = 0.05 * w + 0.02;
        mesh.box(-l, y - half, 0, l, y + half, 0.12 * height, Faces.of(Materials.DARK));
        mesh.box(
            -0.2 * l, y - half, 0, 0.2 * l, y + half, 0.97 * height, Faces.of(Materials.METAL));
      }
      mesh.box(-0.3 * l, -w, 0.62 * height, 0.3 * l, w, height, Faces.of(Materials.WARNING));
      mesh.box(-0.3 * l, -w, 0.28 * height, 0.3 * l, w, 0.46 * height, Faces.of(Materials.WARNING));
    }
    return mesh;
  }

  static MeshBuilder bicycleRack(double width, double length, double height) {
    MeshBuilder mesh = new MeshBuilder();
    double w = width / 2;
    double l = length / 2;
    mesh.box(-l, -w, 0, l, w, 0.06 * height, Faces.of(Materials.METAL));
    int hoops = Math.max(2, (int) Math.round(Math.max(width, length) / 0.8));
    for (int i = 0; i < hoops; i++) {
      double at = hoops == 1 ? 0 : -0.95 + 1.9 * i / (hoops - 1);
      double x = length > width ? at * l : 0;
      double y = length > width ? 0 : at * w;
      double dx = length > width ? 0 : 0.9 * l;
      double dy = length > width ? 0.9 * w : 0;
      double[] a = {x - dx, y - dy, height - 0.03};
      double[] b = {x + dx, y + dy, height - 0.03};
      mesh.beam(a, b, 0.06, Materials.METAL);
      mesh.beam(new double[] {a[0], a[1], 0}, a, 0.06, Materials.METAL);
      mesh.beam(new double[] {b[0], b[1], 0}, b, 0.06, Materials.METAL);
    }
    return mesh;
  }

  static MeshBuilder building(double width, double length, double height, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    Material facade = Materials.facade(variant);
    Material roof = Materials.plain(0.16, 0.15, 0.15, 0.3);
    double l = length / 2;
    double w = width / 2;
    double plinth = Math.min(0.8, 0.1 * height);
    mesh.box(-l, -w, 0, l, w, plinth, Faces.of(Materials.CONCRETE));
    if (height < 9 && Hash.unit(variant, 52) < 0.7) {
      double eaves = 0.68 * height;
      Material tiles = Materials.plain(0.28, 0.09, 0.05, 0.3);
      mesh.box(-l + 0.3, -w + 0.3, plinth, l - 0.3, w - 0.3, eaves, Faces.of(facade));
      mesh.frustum(
          Slice.of(-l, l, w, eaves),
          Slice.of(-0.8 * l, 0.8 * l, 0.04 * w, height),
          Faces.of(tiles));
    } else {
      double cornice = height - Math.min(0.6, 0.06 * height);
      mesh.box(-l + 0.15, -w + 0.15, plinth, l - 0.15, w - 0.15, cornice, Faces.of(facade));
      mesh.box(-l, -w, cornice, l, w, height, Faces.of(Materials.CONCRETE, roof));
    }
    return mesh;
  }

  static MeshBuilder tree(double height, double spread, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    Material leaves = Materials.leaves(variant);
    double trunk = 0.018 * height + 0.06;
    double r = spread / 2;
    mesh.column(
        0, 0, 0, 0.55 * height, 1.2 * trunk, 0.7 * trunk, 6, Materials.WOOD, Materials.WOOD);
    mesh.blob(0, 0, 0.62 * height, 0.85 * r, 0.85 * r, 0.36 * height, 0.18, variant, leaves);
    double turn = Hash.between(variant, 53, 0, 2 * Math.PI);
    for (int i = 0; i < 4; i++) {
      double angle = turn + i * Math.PI / 2 + Hash.between(variant, 54 + i, -0.4, 0.4);
      double z = height * Hash.between(variant, 60 + i, 0.48, 0.75);
      mesh.blob(
          0.5 * r * StrictMath.cos(angle),
          0.5 * r * StrictMath.sin(angle),
          z,
          0.55 * r,
          0.55 * r,
          0.22 * height,
          0.2,
          variant + i,
          leaves);
    }
    return mesh;
  }

  static Mesh pole(double height, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    double radius = 0.05 + 0.008 * height;
    if (height > 4) {
      double arm = 0.2 * height;
      mesh.column(
          0, 0, 0, height - 0.12, radius, 0.6 * radius, 6, Materials.METAL, Materials.METAL);
      mesh.beam(
          new double[] {0, 0, height - 0.16},
          new double[] {arm, 0, height - 0.06},
          0.1,
          Materials.METAL);
      mesh.box(arm - 0.3, -0.15, height - 0.12, arm + 0.3, 0.15, height, Faces.of(Materials.DARK));
      return mesh.fit(0.3, arm + 0.3 + radius, height);
    }
    Material sign =
        Hash.unit(variant, 70) < 0.5
            ? Materials.plain(0.05, 0.15, 0.6, 0.95)
            : Materials.plain(0.7, 0.05, 0.05, 0.95);
    mesh.column(0, 0, 0, height, radius, radius, 6, Materials.METAL, Materials.METAL);
    mesh.box(
        radius,
        -0.3,
        height - 0.65,
        radius + 0.04,
        0.3,
        height - 0.05,
        new Faces(sign, Materials.METAL, sign, sign, sign, sign));
    return mesh.fit(0.6, 2 * radius + 0.04, height);
  }
}
