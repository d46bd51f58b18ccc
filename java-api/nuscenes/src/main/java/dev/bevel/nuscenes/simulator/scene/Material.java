package dev.bevel.nuscenes.simulator.scene;

/**
 * What a face is made of.
 *
 * @param red albedo, 0–1, linear
 * @param green albedo, 0–1, linear
 * @param blue albedo, 0–1, linear
 * @param gloss share of the sky's light that is mirrored, 0–1: windows and varnish
 * @param reflectivity of the LiDAR's infrared light, 0–1; above 0.85 it is thrown back to the
 *     sensor, as by number plates and reflectors
 * @param pattern drawn over the colour, in the body's frame
 */
public record Material(
    double red, double green, double blue, double gloss, double reflectivity, Pattern pattern) {
  /** Structure of a face. */
  public enum Pattern {
    PLAIN,
    /** Rows of windows: fronts of buildings. */
    WINDOWS,
    /** Fine irregular light and dark: leaves. */
    LEAVES,
    /** Diagonal red and white bars: barriers, construction vehicles. */
    WARNING_STRIPES,
    /** Horizontal ribs: containers and trailers. */
    RIBS
  }
}
