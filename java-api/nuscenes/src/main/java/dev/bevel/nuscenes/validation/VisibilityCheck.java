package dev.bevel.nuscenes.validation;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * An object of which no camera can see any part is in the lowest visibility bin. A box is certainly
 * unseen by a camera if all its corners lie beyond one side of what the camera sees.
 */
final class VisibilityCheck {
  private static final String LOWEST = "v0-40";

  /** Metres; boxes are drawn by hand and poses are not exact. */
  private static final double MARGIN = 0.25;

  private final DataSet set;
  private final Findings findings;
  private final TableData annotations;
  private final TableData data;
  private final int[] next;
  private final int[] prev;

  private VisibilityCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.annotations = set.table("sample_annotation");
    this.data = set.table("sample_data");
    this.next = annotations.resolve("next", annotations);
    this.prev = annotations.resolve("prev", annotations);
  }

  static void run(DataSet set, Findings findings) {
    if (!set.allows(Allowance.MISSING_SENSORS)) {
      new VisibilityCheck(set, findings).samples();
    }
  }

  private void samples() {
    TableData samples = set.table("sample");
    Members files = new Members(set.dataSample, samples.rows());
    Members objects = new Members(set.annotationSample, samples.rows());
    for (int sample = 0; sample < samples.rows(); sample++) {
      List<View> views = views(files, sample);
      for (int i = 0; !views.isEmpty() && i < objects.count(sample); i++) {
        object(objects.row(sample, i), views);
      }
    }
  }

  /** All pictures of a sample; none if one of them cannot be placed. */
  private List<View> views(Members files, int sample) {
    List<View> views = new ArrayList<>();
    for (int i = 0; i < files.count(sample); i++) {
      int row = files.row(sample, i);
      if (set.isKeyFrame(row) && set.modality(row).equals("camera")) {
        View view = View.of(set, row);
        if (view == null) {
          return List.of();
        }
        views.add(view);
      }
    }
    return views;
  }

  private void object(int row, List<View> views) {
    int level = set.table("visibility").row(annotations.ints("visibility_token").get(row));
    if (level == TableData.NONE
        || set.table("visibility").text("level", level).equals(LOWEST)
        || !View.hasBox(annotations, row)) {
      return;
    }
    long sampleTime = set.table("sample").longs("timestamp").get(set.annotationSample[row]);
    double speed = Math.max(speed(row, next[row]), speed(row, prev[row]));
    for (View view : views) {
      long micros = Math.abs(data.longs("timestamp").get(view.data()) - sampleTime);
      if (!isUnseen(view.corners(annotations, row), view, MARGIN + speed * micros * 1e-6)) {
        return;
      }
    }
    findings.add(
        new Finding(
            Rule.VISIBILITY,
            "sample_annotation",
            annotations.label(row),
            "visibility_token",
            String.format(
                Locale.ROOT,
                "visibility %s of a box that is outside all %d pictures",
                LOWEST,
                views.size()),
            set.table("visibility").text("level", level)));
  }

  private double speed(int row, int other) {
    if (other == TableData.NONE) {
      return 0;
    }
    int a = set.annotationSample[row];
    int b = set.annotationSample[other];
    if (a == TableData.NONE || b == TableData.NONE || a == b) {
      return 0;
    }
    Column.Longs time = set.table("sample").longs("timestamp");
    Column.Doubles at = annotations.doubles("translation");
    double distance =
        Math.hypot(at.get(row, 0) - at.get(other, 0), at.get(row, 1) - at.get(other, 1));
    return distance / Math.max(1e-3, Math.abs(time.get(a) - time.get(b)) * 1e-6);
  }

  /**
   * Whether all corners lie more than a margin beyond one of the planes that bound what a camera
   * sees: its own plane, and the four through the image's edges.
   */
  private static boolean isUnseen(double[] corners, View view, double margin) {
    double[] k = view.k();
    double[][] planes = {
      {0, 0, 1},
      {k[0], k[1], k[2]},
      {-k[0], -k[1], view.width() - k[2]},
      {0, k[4], k[5]},
      {0, -k[4], view.height() - k[5]},
    };
    for (double[] n : planes) {
      double norm = Math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
      double nearest = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < 24; c += 3) {
        nearest =
            Math.max(
                nearest,
                (n[0] * corners[c] + n[1] * corners[c + 1] + n[2] * corners[c + 2]) / norm);
      }
      if (nearest < -margin) {
        return true;
      }
    }
    return false;
  }
}
