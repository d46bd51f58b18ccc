package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.simulator.scene.Hash;

/** Smooth noise over a plane: random numbers on a lattice, blended between its points. */
final class Noise {
  private static final int SIZE = 256;
  private static final float[] LATTICE = new float[SIZE * SIZE];

  static {
    for (int i = 0; i < LATTICE.length; i++) {
      LATTICE[i] = (float) Hash.between(0x6e6f697365L, i, -1, 1);
    }
  }

  private Noise() {}

  /** A number in (−1, 1); the lattice has a spacing of 1 and repeats after 256. */
  static float at(double x, double y) {
    double floorX = Math.floor(x);
    double floorY = Math.floor(y);
    float tx = (float) (x - floorX);
    float ty = (float) (y - floorY);
    int x0 = (int) (long) floorX & (SIZE - 1);
    int y0 = ((int) (long) floorY & (SIZE - 1)) * SIZE;
    int x1 = (x0 + 1) & (SIZE - 1);
    int y1 = (y0 + SIZE) & (SIZE * SIZE - 1);
    float upper = LATTICE[y0 + x0] + tx * (LATTICE[y0 + x1] - LATTICE[y0 + x0]);
    float lower = LATTICE[y1 + x0] + tx * (LATTICE[y1 + x1] - LATTICE[y1 + x0]);
    return upper + ty * (lower - upper);
  }
}
