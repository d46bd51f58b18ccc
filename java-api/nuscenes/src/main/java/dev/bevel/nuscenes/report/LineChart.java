package dev.bevel.nuscenes.report;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Curves over two axes as SVG that scales with the page and takes its colours from the page's style
 * sheet. Values that are not finite are gaps.
 */
final class LineChart {
  /** How many styles of lines the style sheet has. */
  private static final int STYLES = 8;

  private static final double WIDTH = 640;
  private static final double LEFT = 84;
  private static final double RIGHT = 26;
  private static final double TOP = 12;
  private static final double BOTTOM = 46;

  private record Curve(String name, Series series) {}

  private final String title;
  private final String xName;
  private final String yName;
  private final double height;
  private final List<Curve> curves = new ArrayList<>();
  private @Nullable Axis xAxis;
  private @Nullable Axis yAxis;

  /**
   * An empty chart.
   *
   * @param title what it shows, for those who cannot see it
   * @param height in units of which it is 640 wide
   */
  LineChart(String title, String xName, String yName, double height) {
    this.title = title;
    this.xName = xName;
    this.yName = yName;
    this.height = height;
  }

  /** Adds a curve; as many numbers of {@code y} as of {@code x}. */
  LineChart curve(String name, double[] x, double[] y) {
    curves.add(new Curve(name, new Series(x, y)));
    return this;
  }

  /** Sets axes that do not follow from the values. */
  LineChart axes(Axis x, Axis y) {
    xAxis = x;
    yAxis = y;
    return this;
  }

  /** Whether there is a finite value to be seen. */
  boolean isEmpty() {
    return curves.stream()
        .allMatch(
            curve -> {
              for (int i = 0; i < curve.series.size(); i++) {
                if (curve.series.isFinite(i)) {
                  return false;
                }
              }
              return true;
            });
  }

  void writeTo(Html html) {
    List<Series> all = curves.stream().map(Curve::series).toList();
    Axis x = xAxis == null ? Axis.around(all.stream().map(Series::x).toList(), true) : xAxis;
    Axis y = yAxis == null ? Axis.around(all.stream().map(Series::y).toList(), false) : yAxis;
    html.open("figure")
        .open(
            "svg",
            "viewBox",
            "0 0 " + Figures.pixel(WIDTH) + " " + Figures.pixel(height),
            "role",
            "img",
            "aria-label",
            title + (isEmpty() ? ": no values" : ""),
            "class",
            "chart");
    drawAxes(html, x, y);
    for (int i = 0; i < curves.size(); i++) {
      drawCurve(html, curves.get(i).series, x, y, i % STYLES);
    }
    if (isEmpty()) {
      text(html, "no values", (LEFT + WIDTH - RIGHT) / 2, height / 2, "middle");
    }
    html.close("svg");
    if (curves.size() > 1) {
      writeLegend(html);
    }
    html.element("figcaption", title).close("figure");
  }

  private double px(Axis axis, double value) {
    return LEFT + axis.position(value) * (WIDTH - LEFT - RIGHT);
  }

  private double py(Axis axis, double value) {
    return height - BOTTOM - axis.position(value) * (height - TOP - BOTTOM);
  }

  private void drawAxes(Html html, Axis x, Axis y) {
    for (double tick : y.ticks()) {
      double at = py(y, tick);
      line(html, LEFT, at, WIDTH - RIGHT, at, "grid");
      text(html, Figures.brief(tick), LEFT - 6, at + 4, "end");
    }
    for (double tick : x.ticks()) {
      double at = px(x, tick);
      line(html, at, height - BOTTOM, at, height - BOTTOM + 4, "axis");
      text(html, Figures.brief(tick), at, height - BOTTOM + 18, "middle");
    }
    line(html, LEFT, height - BOTTOM, WIDTH - RIGHT, height - BOTTOM, "axis");
    text(html, xName, (LEFT + WIDTH - RIGHT) / 2, height - 8, "middle");
    String middle = Figures.pixel((TOP + height - BOTTOM) / 2);
    html.element(
        "text",
        yName,
        "x",
        "20",
        "y",
        middle,
        "text-anchor",
        "middle",
        "transform",
        "rotate(-90 20 " + middle + ")");
  }

  private void drawCurve(Html html, Series curve, Axis x, Axis y, int style) {
    StringBuilder path = new StringBuilder();
    int inRow = 0;
    for (int i = 0; i < curve.size(); i++) {
      double u = px(x, curve.x()[i]);
      double v = py(y, curve.y()[i]);
      if (!Double.isFinite(u) || !Double.isFinite(v)) {
        inRow = 0;
        continue;
      }
      path.append(inRow++ == 0 ? 'M' : 'L')
          .append(Figures.pixel(u))
          .append(' ')
          .append(Figures.pixel(v));
      boolean alone = inRow == 1 && (i + 1 == curve.size() || !curve.isFinite(i + 1));
      if (alone) {
        path.append("h0.1"); // round ends make it a dot
      }
    }
    if (!path.isEmpty()) {
      html.shape("path", "d", path.toString(), "class", "curve s" + style);
    }
  }

  private void writeLegend(Html html) {
    html.open("ul", "class", "legend");
    for (int i = 0; i < curves.size(); i++) {
      html.open("li")
          .open("svg", "viewBox", "0 0 30 10", "aria-hidden", "true")
          .shape("path", "d", "M1 5H29", "class", "curve s" + i % STYLES)
          .close("svg")
          .text(curves.get(i).name)
          .close("li");
    }
    html.close("ul");
  }

  private static void line(
      Html html, double x1, double y1, double x2, double y2, String styleClass) {
    html.shape(
        "line",
        "x1",
        Figures.pixel(x1),
        "y1",
        Figures.pixel(y1),
        "x2",
        Figures.pixel(x2),
        "y2",
        Figures.pixel(y2),
        "class",
        styleClass);
  }

  private static void text(Html html, String text, double x, double y, String anchor) {
    html.element("text", text, "x", Figures.pixel(x), "y", Figures.pixel(y), "text-anchor", anchor);
  }
}
