package dev.bevel.nuscenes.simulator.models;

import dev.bevel.nuscenes.simulator.models.MeshBuilder.Faces;
import dev.bevel.nuscenes.simulator.models.MeshBuilder.Slice;
import dev.bevel.nuscenes.simulator.scene.Hash;
import dev.bevel.nuscenes.simulator.scene.Material;
import dev.bevel.nuscenes.simulator.scene.Material.Pattern;

/**
 * Cars, trucks, buses, trailers and construction vehicles. The front carries white lights and the
 * rear red ones, so that the heading can be seen. Heights are measured from the ground while a
 * model is built.
 */
final class VehicleModels {
  private static final int WHEEL_SIDES = 8;

  private VehicleModels() {}

  static MeshBuilder car(double width, double length, double height, long variant) {
    return car(width, length, height, Materials.paint(variant), variant);
  }

  static MeshBuilder policeCar(double width, double length, double height, long variant) {
    double bar = 0.1;
    Material blue = Materials.plain(0.02, 0.05, 0.8, 0.8);
    return car(width, length, height - bar, Materials.WHITE, variant)
        .box(-0.1, -0.3 * width, height - bar, 0.15, 0.3 * width, height, Faces.of(blue));
  }

  private static MeshBuilder car(
      double width, double length, double height, Material paint, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    double l = length / 2;
    // The mirrors reach farthest out.
    double w = width / 2 - 0.04;
    double sill = 0.13 * height;
    double belt = Hash.between(variant, 20, 0.55, 0.6) * height;
    double hood = Hash.between(variant, 21, 0.5, 0.55) * height;
    // Saloons have a boot; hatchbacks and vans a steep tail.
    boolean saloon = height < 0.36 * length && Hash.unit(variant, 22) < 0.6;
    double deck = saloon ? Math.min(belt, 0.58 * height) : belt;
    double windscreen = l - 0.27 * length;
    double[][] side = {
      {-l, sill + 0.06 * height},
      {-l + 0.04 * length, sill},
      {l - 0.04 * length, sill},
      {l, sill + 0.08 * height},
      {l - 0.01 * length, hood - 0.06 * height},
      {windscreen, belt},
      {-l + 0.02 * length, deck}
    };
    Material dark = Materials.DARK;
    mesh.extrusion(side, -w, w, paint, dark, dark, dark, paint, paint, paint, paint);
    double roofFront = windscreen - Hash.between(variant, 23, 0.13, 0.18) * length;
    Slice low =
        Slice.of(saloon ? -l + 0.16 * length : -l + 0.02 * length, windscreen, 0.985 * w, deck);
    Slice high =
        Slice.of(
            saloon ? -l + 0.3 * length : -l + 0.08 * length, roofFront, 0.78 * w, 0.97 * height);
    cabin(mesh, low, high, height, paint);
    for (int hand = -1; hand <= 1; hand += 2) {
      double y = hand * (w - 0.02);
      mesh.box(
          windscreen - 0.12 * length,
          Math.min(y, hand * width / 2),
          belt,
          windscreen - 0.09 * length,
          Math.max(y, hand * width / 2),
          belt + 0.09 * height,
          Faces.of(paint));
    }
    lights(mesh, l, w, 0.36 * height, 0.46 * height, 0.3 * w, 0.004 * length);
    plate(mesh, l, 0.28 * height, 0.004 * length);
    double radius = Math.min(0.21 * height, 0.085 * length);
    for (double x : new double[] {-l + 0.19 * length, l - 0.19 * length}) {
      mesh.wheel(x, radius, 1.2 * radius, -w - 0.004, w + 0.004, 8, dark, dark);
    }
    wheels(mesh, w + 0.012, radius, 0.22, -l + 0.19 * length, l - 0.19 * length);
    return mesh;
  }

  /** Roof, posts and windows; the panes stand a little proud of the posts. */
  private static void cabin(
      MeshBuilder mesh, Slice low, Slice high, double height, Material paint) {
    mesh.frustum(low, high, Faces.of(paint));
    mesh.frustum(
        high,
        Slice.of(high.rear() + 0.12, high.front() - 0.12, 0.9 * high.left(), height),
        Faces.of(paint));
    Slice sill = between(low, high, 0.04);
    Slice lintel = between(low, high, 0.9);
    double post = 0.05 * (low.front() - low.rear());
    mesh.frustum(inset(sill, post, -0.008), inset(lintel, post, -0.008), Faces.of(Materials.GLASS));
    mesh.frustum(
        inset(sill, -0.01, 0.14 * sill.left()),
        inset(lintel, -0.01, 0.12 * lintel.left()),
        Faces.of(Materials.GLASS));
    double middle = (high.rear() + high.front()) / 2;
    mesh.frustum(
        Slice.of(middle - 0.05, middle + 0.05, low.left() + 0.01, low.z()),
        Slice.of(middle - 0.05, middle + 0.05, high.left() + 0.01, high.z()),
        Faces.of(paint));
  }

  private static Slice between(Slice low, Slice high, double share) {
    return Slice.of(
        low.rear() + share * (high.rear() - low.rear()),
        low.front() + share * (high.front() - low.front()),
        low.left() + share * (high.left() - low.left()),
        low.z() + share * (high.z() - low.z()));
  }

  private static Slice inset(Slice slice, double along, double across) {
    return Slice.of(slice.rear() + along, slice.front() - along, slice.left() - across, slice.z());
  }

  static MeshBuilder truck(
      double width, double length, double height, Material cargo, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    Material paint = Materials.paint(variant);
    double w = width / 2;
    double l = length / 2;
    double floor = Math.min(0.28 * height, 1.0);
    double cab = l - Math.min(0.3 * length, 2.3);
    double cabTop = Math.min(Hash.between(variant, 30, 0.8, 0.95) * height, 3.0);
    mesh.box(-l, -0.45 * w, 0.55 * floor, l - 0.3, 0.45 * w, floor, Faces.of(Materials.DARK));
    if (Hash.unit(variant, 31) < 0.75) {
      mesh.box(-l, -w, floor, cab - 0.15, w, height, Faces.of(cargo));
    } else {
      tipper(mesh, w, l, floor, cab, height, cargo);
    }
    cab(mesh, cab, l, 0.96 * w, 0.4 * floor, cabTop, paint);
    lights(mesh, l, w, floor, floor + 0.2, 0.25 * w, 0.02);
    plate(mesh, l, 0.8 * floor, 0.02);
    double radius = Math.min(0.5, 0.55 * floor);
    wheels(mesh, w, radius, 0.3, -l + 0.15 * length, -l + 0.15 * length + 2.3 * radius, l - 0.9);
    return mesh;
  }

  /** An open load bed that leaves the cab the highest part. */
  private static void tipper(
      MeshBuilder mesh, double w, double l, double floor, double cab, double height, Material m) {
    double rim = floor + 0.4 * (height - floor);
    mesh.frustum(
        Slice.of(-l + 0.1, cab - 0.2, 0.9 * w, floor),
        Slice.of(-l, cab - 0.15, w, rim),
        Faces.of(m, Materials.WOOD));
    mesh.box(cab - 0.2, -0.9 * w, floor, cab - 0.1, 0.9 * w, height, Faces.of(m));
  }

  /** A driver's cab between {@code rear} and {@code front} with its windows. */
  private static void cab(
      MeshBuilder mesh, double rear, double front, double w, double low, double top, Material m) {
    double belt = low + 0.5 * (top - low);
    double brow = top - 0.12 * (top - low);
    Material glass = Materials.GLASS;
    mesh.box(rear, -w, low, front, w, belt, Faces.of(m));
    mesh.frustum(
        Slice.of(rear, front, w, belt),
        Slice.of(rear, front - 0.12, 0.95 * w, brow),
        new Faces(glass, m, glass, glass, m, m));
    mesh.frustum(
        Slice.of(rear, front - 0.12, 0.95 * w, brow),
        Slice.of(rear, front - 0.25, 0.88 * w, top),
        Faces.of(m));
    for (int side = -1; side <= 1; side += 2) {
      double y = side * 0.985 * w;
      mesh.box(
          rear, y - 0.02 * w, belt, rear + 0.35 * (front - rear), y + 0.02 * w, brow, Faces.of(m));
    }
  }

  static MeshBuilder bus(double width, double length, double height, boolean bendy, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    Material paint = Materials.paint(variant);
    Material glass = Materials.GLASS;
    // The wheels stand a little out of the sides.
    double w = width / 2 - 0.015;
    double l = length / 2;
    if (bendy) {
      coach(mesh, 0.04 * length, l, w, height, paint);
      coach(mesh, -l, -0.04 * length, w, height, paint);
      Material bellows = new Material(0.06, 0.06, 0.06, 0, 0.15, Pattern.RIBS);
      double joint = 0.04 * length;
      mesh.box(-joint, -0.93 * w, 0.12 * height, joint, 0.93 * w, 0.97 * height, Faces.of(bellows));
    } else {
      coach(mesh, -l, l, w, height, paint);
    }
    mesh.box(
        l - 0.1, -0.93 * w, 0.36 * height, l + 0.015, 0.93 * w, 0.84 * height, Faces.of(glass));
    mesh.box(-l - 0.01, -0.7 * w, 0.5 * height, -l + 0.1, 0.7 * w, 0.8 * height, Faces.of(glass));
    // The destination sign above the windscreen.
    Material sign = Materials.plain(0.8, 0.45, 0.02, 0.5);
    mesh.box(l - 0.1, -0.6 * w, 0.87 * height, l + 0.015, 0.6 * w, 0.96 * height, Faces.of(sign));
    lights(mesh, l, w, 0.2 * height, 0.26 * height, 0.25 * w, 0.02);
    plate(mesh, l, 0.14 * height, 0.02);
    double radius = Math.min(0.5, 0.15 * height);
    wheels(mesh, width / 2, radius, 0.3, -l + 0.22 * length, l - 0.2 * length);
    return mesh;
  }

  /** One stiff part of a bus: windows between the body and the roof, parted by posts. */
  private static void coach(
      MeshBuilder mesh, double rear, double front, double w, double height, Material paint) {
    double belt = 0.42 * height;
    double brow = 0.82 * height;
    mesh.box(rear, -w, 0.1 * height, front, w, height, Faces.of(paint));
    int windows = Math.max(2, (int) Math.round((front - rear) / 1.8));
    double pitch = (front - rear) / windows;
    for (int i = 0; i < windows; i++) {
      double x = rear + i * pitch;
      mesh.box(
          x + 0.08, -w - 0.006, belt, x + pitch - 0.08, w + 0.006, brow, Faces.of(Materials.GLASS));
    }
  }

  static MeshBuilder trailer(double width, double length, double height, long variant) {
    MeshBuilder mesh = new MeshBuilder();
    double w = width / 2;
    double l = length / 2;
    double floor = Math.min(0.3 * height, 1.15);
    mesh.box(-l, -w, floor, l, w, height, Faces.of(Materials.cargo(variant)));
    mesh.box(-l, -0.4 * w, 0.6 * floor, l, 0.4 * w, floor, Faces.of(Materials.DARK));
    mesh.box(
        l - 0.25 * length,
        -0.6 * w,
        0.05,
        l - 0.23 * length,
        0.6 * w,
        0.6 * floor,
        Faces.of(Materials.METAL));
    rearLights(mesh, l, w, 0.8 * floor, floor, 0.25 * w, 0.01);
    double radius = Math.min(0.5, 0.45 * floor);
    wheels(mesh, w, radius, 0.3, -l + 0.12 * length, -l + 0.12 * length + 2.2 * radius);
    return mesh;
  }

  /** Tracks, a turning body with a cab, and an arm with its bucket in front. */
  static MeshBuilder excavator(double width, double length, double height) {
    MeshBuilder mesh = new MeshBuilder();
    Material yellow = Materials.plain(0.75, 0.42, 0.02, 0.5);
    double w = width / 2;
    double l = length / 2;
    double deck = 0.34 * height;
    double front = -l + 0.6 * length;
    for (int side = -1; side <= 1; side += 2) {
      double y = side * 0.78 * w;
      mesh.frustum(
          new Slice(-l + 0.1 * length, front - 0.06 * length, y - 0.22 * w, y + 0.22 * w, 0),
          new Slice(-l + 0.04 * length, front, y - 0.22 * w, y + 0.22 * w, 0.22 * height),
          Faces.of(Materials.RUBBER));
    }
    mesh.box(
        -l + 0.12 * length,
        -0.6 * w,
        0.15 * height,
        front,
        0.6 * w,
        deck,
        Faces.of(Materials.DARK));
    mesh.box(-l, -0.9 * w, deck, front, 0.9 * w, 0.62 * height, Faces.of(yellow));
    mesh.box(
        -l + 0.002,
        -0.8 * w,
        deck - 0.05,
        -l + 0.03 * length,
        0.8 * w,
        0.46 * height,
        Faces.of(Materials.WARNING));
    cab(mesh, -l + 0.3 * length, front, 0.4 * w, deck, height, yellow);
    double thick = 0.12 * w + 0.1;
    double[] shoulder = {front - 0.05 * length, -0.5 * w, 0.5 * height};
    double[] elbow = {-l + 0.8 * length, -0.5 * w, 0.93 * height};
    double[] wrist = {l - 0.09 * length, -0.5 * w, 0.25 * height};
    mesh.beam(shoulder, elbow, thick, yellow);
    mesh.beam(elbow, wrist, 0.8 * thick, yellow);
    mesh.frustum(
        new Slice(l - 0.12 * length, l - 0.04 * length, -0.75 * w, -0.25 * w, 0.02),
        new Slice(l - 0.14 * length, l, -0.75 * w, -0.25 * w, 0.25 * height),
        Faces.of(Materials.METAL));
    return mesh;
  }

  private static void wheels(
      MeshBuilder mesh, double w, double radius, double breadth, double... axles) {
    double inner = w - Math.min(breadth, 0.8 * w);
    for (double x : axles) {
      mesh.wheel(x, radius, radius, inner, w, WHEEL_SIDES, Materials.RUBBER, Materials.RUBBER);
      mesh.wheel(x, radius, radius, -w, -inner, WHEEL_SIDES, Materials.RUBBER, Materials.RUBBER);
    }
  }

  private static void lights(
      MeshBuilder mesh, double l, double w, double z0, double z1, double breadth, double proud) {
    for (int side = -1; side <= 1; side += 2) {
      double y = side * (0.96 * w - breadth / 2);
      mesh.box(
          l - 0.03 * w,
          y - breadth / 2,
          z0,
          l + proud,
          y + breadth / 2,
          z1,
          Faces.of(Materials.HEADLIGHT));
    }
    rearLights(mesh, l, w, z0, z1, breadth, proud);
  }

  private static void rearLights(
      MeshBuilder mesh, double l, double w, double z0, double z1, double breadth, double proud) {
    for (int side = -1; side <= 1; side += 2) {
      double y = side * (0.96 * w - breadth / 2);
      mesh.box(
          -l - proud,
          y - breadth / 2,
          z0,
          -l + 0.05 * w,
          y + breadth / 2,
          z1 + 0.3 * (z1 - z0),
          Faces.of(Materials.REAR_LIGHT));
    }
  }

  private static void plate(MeshBuilder mesh, double l, double z, double proud) {
    mesh.box(l - 0.05, -0.26, z, l + proud, 0.26, z + 0.11, Faces.of(Materials.PLATE));
    mesh.box(-l - proud, -0.26, z, -l + 0.05, 0.26, z + 0.11, Faces.of(Materials.PLATE));
  }
}
