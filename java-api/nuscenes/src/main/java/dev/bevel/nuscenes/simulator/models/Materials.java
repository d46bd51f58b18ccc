package dev.bevel.nuscenes.simulator.models;

import dev.bevel.nuscenes.simulator.scene.Hash;
import dev.bevel.nuscenes.simulator.scene.Material;
import dev.bevel.nuscenes.simulator.scene.Material.Pattern;

/** What the bodies of the town are made of. Colours are linear albedos. */
final class Materials {
  static final Material GLASS = new Material(0.02, 0.025, 0.03, 0.2, 0.03, Pattern.PLAIN);
  static final Material RUBBER = plain(0.025, 0.025, 0.027, 0.08);
  static final Material DARK = plain(0.03, 0.03, 0.033, 0.12);
  static final Material METAL = new Material(0.3, 0.31, 0.33, 0.1, 0.4, Pattern.PLAIN);
  static final Material HEADLIGHT = plain(1.0, 0.98, 0.9, 0.9);
  static final Material REAR_LIGHT = plain(0.75, 0.015, 0.015, 0.9);
  static final Material WHITE = new Material(0.8, 0.8, 0.79, 0.06, 0.6, Pattern.PLAIN);
  static final Material PLATE = plain(0.85, 0.85, 0.85, 1.0);
  static final Material HAIR = plain(0.04, 0.03, 0.02, 0.15);
  static final Material SHOE = plain(0.04, 0.035, 0.03, 0.15);
  static final Material SAFETY_ORANGE = plain(0.85, 0.2, 0.02, 0.8);
  static final Material SAFETY_YELLOW = plain(0.65, 0.8, 0.05, 0.95);
  static final Material WARNING = striped(0.8);
  static final Material CONCRETE = plain(0.45, 0.44, 0.42, 0.35);
  static final Material WOOD = plain(0.12, 0.08, 0.05, 0.25);

  /** Albedo of car paint; white, silver, grey and black are the most frequent, as on the road. */
  private static final double[][] PAINTS = {
    {0.78, 0.78, 0.77}, {0.7, 0.71, 0.72}, {0.42, 0.43, 0.45}, {0.4, 0.42, 0.44},
    {0.14, 0.145, 0.15}, {0.03, 0.03, 0.033}, {0.04, 0.04, 0.045}, {0.4, 0.02, 0.025},
    {0.03, 0.08, 0.3}, {0.05, 0.12, 0.2}, {0.06, 0.16, 0.08}, {0.5, 0.4, 0.25},
    {0.65, 0.3, 0.03}, {0.6, 0.5, 0.05}
  };

  private static final double[][] CLOTHES = {
    {0.03, 0.03, 0.035}, {0.05, 0.06, 0.12}, {0.1, 0.13, 0.25}, {0.25, 0.25, 0.26},
    {0.7, 0.7, 0.68}, {0.4, 0.04, 0.05}, {0.1, 0.3, 0.15}, {0.55, 0.45, 0.1},
    {0.35, 0.25, 0.18}, {0.4, 0.15, 0.35}, {0.1, 0.35, 0.5}
  };

  private static final double[][] SKINS = {
    {0.55, 0.36, 0.26}, {0.45, 0.28, 0.18}, {0.28, 0.16, 0.1}, {0.14, 0.08, 0.05}
  };

  private static final double[][] FACADES = {
    {0.45, 0.42, 0.38},
    {0.5, 0.47, 0.4},
    {0.35, 0.18, 0.13},
    {0.55, 0.53, 0.5},
    {0.3, 0.3, 0.31},
    {0.42, 0.33, 0.24},
    {0.25, 0.28, 0.33}
  };

  private Materials() {}

  static Material plain(double red, double green, double blue, double reflectivity) {
    return new Material(red, green, blue, 0, reflectivity, Pattern.PLAIN);
  }

  static Material striped(double reflectivity) {
    return new Material(0.85, 0.85, 0.85, 0, reflectivity, Pattern.WARNING_STRIPES);
  }

  /** Glossy paint of a vehicle. */
  static Material paint(long variant) {
    double[] c = pick(PAINTS, variant, 1);
    double brightness = (c[0] + c[1] + c[2]) / 3;
    return new Material(c[0], c[1], c[2], 0.08, 0.12 + 0.6 * brightness, Pattern.PLAIN);
  }

  /** A cargo box or trailer. */
  static Material cargo(long variant) {
    double[] c = pick(PAINTS, variant, 2);
    Pattern pattern = Hash.unit(variant, 3) < 0.6 ? Pattern.RIBS : Pattern.PLAIN;
    return new Material(c[0], c[1], c[2], 0, 0.5, pattern);
  }

  static Material cloth(long variant, int stream) {
    double[] c = pick(CLOTHES, variant, stream);
    return plain(c[0], c[1], c[2], 0.2 + 0.4 * c[1]);
  }

  static Material skin(long variant) {
    double[] c = pick(SKINS, variant, 4);
    return plain(c[0], c[1], c[2], 0.45);
  }

  static Material facade(long variant) {
    double[] c = pick(FACADES, variant, 5);
    return new Material(c[0], c[1], c[2], 0, 0.4, Pattern.WINDOWS);
  }

  static Material leaves(long variant) {
    double dry = Hash.unit(variant, 6);
    return new Material(0.05 + 0.09 * dry, 0.14 + 0.05 * dry, 0.03, 0, 0.45, Pattern.LEAVES);
  }

  private static double[] pick(double[][] palette, long variant, int stream) {
    return palette[(int) (Hash.unit(variant, stream) * palette.length)];
  }
}
