package dev.bevel.nuscenes.validation;

import dev.bevel.nuscenes.Counted;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Boxes are where the pictures show objects. Under the projection of a well visible object's box
 * the picture differs from what is to its left and right, and more so than rectangles of the same
 * size at the same height elsewhere, away from all boxes. That is so for most objects, not for all,
 * and is therefore judged over many: of each channel, and of all together. It is the one check that
 * compares the cameras' calibrations, poses and files with what they saw: pictures of another
 * camera, of another time or mirrored, and boxes elsewhere, fail it. Sets with few objects are not
 * judged.
 */
final class ProjectionCheck {
  /** Pictures looked at, spread over the whole set. */
  private static final int PICTURES = 600;

  /** Larger ones are not decoded; nuScenes' have 1.44 million. */
  private static final int MAX_PIXELS = 1 << 26;

  /**
   * Mean share of the other places that differ less. Simulated sets reach 0.74 to 0.93 and two
   * samples of real data 0.67 and 0.72; pictures of another camera or time 0.48 to 0.58.
   */
  private static final double LEAST_RANK = 0.6;

  /** The share of one object scatters by 0.35: fewer objects prove nothing. */
  private static final int LEAST_OBJECTS = 150;

  /** Besides the visibility. */
  private static final int LEAST_POINTS = 5;

  private static final String VISIBLE = "v80-100";

  /** Where else an object could be, evenly over the width. */
  private static final int PLACES = 16;

  private static final int LEAST_PLACES = 4;

  private final DataSet set;
  private final Findings findings;
  private final TableData annotations;
  private final Members objects;
  private final int[] tried;
  private final double[] rank;

  /** What a box covers of a picture, in whole pixels; right and bottom are exclusive. */
  private record Rectangle(int left, int right, int top, int bottom) {
    int width() {
      return right - left;
    }

    int height() {
      return bottom - top;
    }

    /** Width of the strips at its sides that it is compared with. */
    int margin() {
      return Math.max(2, width() / 4);
    }

    boolean touches(Rectangle other) {
      return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
    }
  }

  private ProjectionCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.annotations = set.table("sample_annotation");
    this.objects = new Members(set.annotationSample, set.table("sample").rows());
    this.tried = new int[set.table("sensor").rows()];
    this.rank = new double[tried.length];
  }

  static void run(DataSet set, Findings findings) {
    ProjectionCheck check = new ProjectionCheck(set, findings);
    List<Integer> pictures = new ArrayList<>();
    for (int row = 0; row < set.dataSample.length; row++) {
      if (set.dataSample[row] != TableData.NONE
          && set.isKeyFrame(row)
          && set.modality(row).equals("camera")) {
        pictures.add(row);
      }
    }
    int count = Math.min(PICTURES, pictures.size());
    for (int i = 0; i < count; i++) {
      check.picture(pictures.get((int) ((long) i * pictures.size() / count)));
    }
    check.judge();
  }

  private void picture(int data) {
    View view = View.of(set, data);
    BufferedImage image = view == null ? null : image(view);
    if (view == null || image == null) {
      return;
    }
    int sample = set.dataSample[data];
    List<Rectangle> all = new ArrayList<>();
    List<Rectangle> clear = new ArrayList<>();
    for (int i = 0; i < objects.count(sample); i++) {
      int row = objects.row(sample, i);
      Rectangle rectangle = View.hasBox(annotations, row) ? rectangle(view, row) : null;
      if (rectangle != null) {
        all.add(rectangle);
        if (isClear(rectangle, view) && isLikelyVisible(row)) {
          clear.add(rectangle);
        }
      }
    }
    for (Rectangle rectangle : clear) {
      compare(image, rectangle, all, set.dataSensor[data]);
    }
  }

  /** The picture, or null if it is not what its record says: then {@link FileCheck} has told. */
  private @Nullable BufferedImage image(View view) {
    TableData data = set.table("sample_data");
    Path file = set.file(data, view.data());
    try {
      return file == null || (long) view.width() * view.height() > MAX_PIXELS
          ? null
          : JpegInspector.read(file, view.width(), view.height());
    } catch (IOException e) {
      return null;
    }
  }

  /** The bounds of a box in a picture; null if part of it is behind the camera or all outside. */
  private @Nullable Rectangle rectangle(View view, int row) {
    double[] corners = view.corners(annotations, row);
    double[] k = view.k();
    double left = Double.POSITIVE_INFINITY;
    double right = Double.NEGATIVE_INFINITY;
    double top = Double.POSITIVE_INFINITY;
    double bottom = Double.NEGATIVE_INFINITY;
    for (int c = 0; c < 24; c += 3) {
      double z = corners[c + 2];
      if (z < 1) {
        return null;
      }
      double u = (k[0] * corners[c] + k[1] * corners[c + 1]) / z + k[2];
      double v = k[4] * corners[c + 1] / z + k[5];
      left = Math.min(left, u);
      right = Math.max(right, u);
      top = Math.min(top, v);
      bottom = Math.max(bottom, v);
    }
    boolean isOutside = right < 0 || left > view.width() || bottom < 0 || top > view.height();
    return isOutside ? null : new Rectangle(pixel(left), pixel(right), pixel(top), pixel(bottom));
  }

  private static int pixel(double coordinate) {
    return (int) Math.round(Math.clamp(coordinate, -MAX_PIXELS, MAX_PIXELS));
  }

  /** Wholly inside with its sides, neither tiny nor filling the picture. */
  private static boolean isClear(Rectangle r, View view) {
    return r.left - r.margin() >= 0
        && r.right + r.margin() <= view.width()
        && r.top >= 0
        && r.bottom <= view.height()
        && Math.min(r.width(), r.height()) >= Math.max(4, view.width() / 50)
        && r.width() <= view.width() / 4;
  }

  private boolean isLikelyVisible(int row) {
    int level = set.table("visibility").row(annotations.ints("visibility_token").get(row));
    return level != TableData.NONE
        && set.table("visibility").text("level", level).equals(VISIBLE)
        && annotations.ints("num_lidar_pts").get(row) >= LEAST_POINTS;
  }

  private void compare(BufferedImage image, Rectangle object, List<Rectangle> all, int sensor) {
    int margin = object.margin();
    int room = image.getWidth() - object.width() - 2 * margin;
    double own = contrast(image, object);
    double less = 0;
    int places = 0;
    for (int i = 0; i < PLACES; i++) {
      int left = margin + room * i / (PLACES - 1);
      Rectangle place = new Rectangle(left, left + object.width(), object.top, object.bottom);
      if (all.stream().noneMatch(place::touches)) {
        less += contrast(image, place) < own ? 1 : 0;
        places++;
      }
    }
    if (places >= LEAST_PLACES) {
      tried[sensor]++;
      rank[sensor] += less / places;
    }
  }

  /** How much the mean colour of a rectangle's middle differs from that of the strips beside it. */
  private static double contrast(BufferedImage image, Rectangle r) {
    int top = r.top + r.height() / 8;
    int bottom = r.bottom - r.height() / 8;
    int inset = r.width() / 8;
    double[] middle = mean(image, r.left + inset, r.right - inset, top, bottom);
    double[] left = mean(image, r.left - r.margin(), r.left, top, bottom);
    double[] right = mean(image, r.right, r.right + r.margin(), top, bottom);
    double squares = 0;
    for (int c = 0; c < 3; c++) {
      double difference = middle[c] - (left[c] + right[c]) / 2;
      squares += difference * difference;
    }
    return Math.sqrt(squares);
  }

  private static double[] mean(BufferedImage image, int left, int right, int top, int bottom) {
    double[] sum = new double[3];
    for (int y = top; y < bottom; y++) {
      for (int x = left; x < right; x++) {
        int rgb = image.getRGB(x, y);
        sum[0] += rgb >> 16 & 0xff;
        sum[1] += rgb >> 8 & 0xff;
        sum[2] += rgb & 0xff;
      }
    }
    double pixels = (double) (right - left) * (bottom - top);
    return new double[] {sum[0] / pixels, sum[1] / pixels, sum[2] / pixels};
  }

  private void judge() {
    TableData sensors = set.table("sensor");
    int objects = 0;
    double sum = 0;
    for (int sensor = 0; sensor < tried.length; sensor++) {
      objects += tried[sensor];
      sum += rank[sensor];
      judge(sensors.label(sensor), sensors.text("channel", sensor), tried[sensor], rank[sensor]);
    }
    judge("", "all cameras", objects, sum);
  }

  private void judge(String token, String which, int objects, double sum) {
    if (objects >= LEAST_OBJECTS && sum < LEAST_RANK * objects) {
      findings.add(
          new Finding(
              Rule.PROJECTION,
              "sensor",
              token,
              token.isEmpty() ? "" : "channel",
              String.format(
                      Locale.ROOT,
                      "pictures of %s in which objects stand out where their boxes are projected to, more",
                      which)
                  + String.format(
                      Locale.ROOT,
                      " than %.0f %% of the other places on the same height",
                      100 * LEAST_RANK),
              String.format(
                  Locale.ROOT,
                  "%.1f %% for %s",
                  100 * sum / objects,
                  Counted.of(objects, "object"))));
    }
  }
}
