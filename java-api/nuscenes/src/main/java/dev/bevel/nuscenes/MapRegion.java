package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.MapMask;
import dev.bevel.nuscenes.TableRecord.Sample;
import java.awt.Rectangle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * The part of a map mask around a place: which ground can be driven on. A mask is a greyscale
 * picture with pixels of 0.1 m whose bottom left corner is the origin of the global frame; white is
 * foreground. (The layout is that of the nuScenes devkit's {@code MapMask}.)
 */
public final class MapRegion {
  /** Side of a mask's pixel. */
  public static final double METRES_PER_PIXEL = 0.1;

  /** Largest radius that is read, metres. */
  public static final double MAX_RADIUS = 200;

  private static final int WHITE = 128;

  private final byte[] pixels;
  private final Rectangle area;
  private final int imageHeight;

  /**
   * @param area of the mask's pixels that was read, rows from the top
   */
  private MapRegion(byte[] pixels, Rectangle area, int imageHeight) {
    this.pixels = pixels;
    this.area = area;
    this.imageHeight = imageHeight;
  }

  /**
   * Reads the mask of a sample's log around the ego car.
   *
   * @param radius metres, to all four sides, at most {@link #MAX_RADIUS}
   * @return empty if the tables name no map for the log, its file is not there, or the place is off
   *     the map
   * @throws NuScenesException if the file is damaged or not a mask, or lies outside the data folder
   */
  public static Optional<MapRegion> around(NuScenes set, Sample sample, double radius) {
    Pose ego = set.egoPose(set.keyFrame(sample, DetectionSample.LIDAR_CHANNEL)).egoToGlobal();
    return file(set, sample).flatMap(found -> read(found, ego.tx(), ego.ty(), radius));
  }

  /**
   * The mask of a sample's log; empty if the tables name none or the file is not there.
   *
   * @throws NuScenesException if the table's file name would lead out of the data folder
   */
  public static Optional<Path> file(NuScenes set, Sample sample) {
    String log = set.scene(sample).logToken();
    return set.tables().maps().values().stream()
        .filter(map -> map.logTokens().contains(log))
        .findFirst()
        .map(map -> path(set, map))
        .filter(Files::exists);
  }

  /**
   * Reads a mask around a place.
   *
   * @param x of the global frame, metres; y likewise
   * @param radius metres, to all four sides, at most {@link #MAX_RADIUS}
   * @return empty if the place is off the map
   * @throws NuScenesException if the file cannot be read, is damaged or not a mask
   */
  public static Optional<MapRegion> read(Path file, double x, double y, double radius) {
    if (!(radius > 0 && radius <= MAX_RADIUS)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "radius must be positive and at most %s m, got %s", MAX_RADIUS, radius));
    }
    Rectangle area = new Rectangle();
    int[] imageHeight = {0};
    byte[] pixels =
        GreyPng.read(
            file,
            (width, height) -> {
              area.setBounds(area(x, y, radius, width, height));
              imageHeight[0] = height;
              return area;
            });
    return area.isEmpty()
        ? Optional.empty()
        : Optional.of(new MapRegion(pixels, area, imageHeight[0]));
  }

  /** The pixels within a square that are in the image; none if there are none. */
  private static Rectangle area(double x, double y, double radius, int width, int height) {
    int left = column(x - radius, width);
    int right = column(x + radius, width);
    int bottom = column(y - radius, height);
    int top = column(y + radius, height);
    return right > left && top > bottom
        ? new Rectangle(left, height - top, right - left, top - bottom)
        : new Rectangle();
  }

  private static int column(double metres, int most) {
    return (int) Math.clamp(Math.floor(metres / METRES_PER_PIXEL), 0.0, most);
  }

  /** Whether a place of the global frame is foreground; false for places that were not read. */
  public boolean isForeground(double x, double y) {
    double column = Math.floor(x / METRES_PER_PIXEL) - area.x;
    double row = imageHeight - 1 - Math.floor(y / METRES_PER_PIXEL) - area.y;
    return column >= 0
        && row >= 0
        && column < area.width
        && row < area.height
        && (pixels[((int) row) * area.width + (int) column] & 0xff) >= WHITE;
  }

  private static Path path(NuScenes set, MapMask map) {
    return PathNames.inside(
        set.dataRoot(),
        map.filename(),
        String.format(Locale.ROOT, "table map, record %s, field filename", map.token()));
  }
}
