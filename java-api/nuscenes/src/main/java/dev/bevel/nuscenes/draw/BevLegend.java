package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.DetectionSample;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The panel beside a picture from above: what it shows, how many of each class, the signs used. */
final class BevLegend {
  /** Pixels. */
  static final int WIDTH = 360;

  private static final double LEFT = BevView.SIZE + 28;
  private static final double MIDDLE = LEFT + 220;
  private static final double RIGHT = LEFT + 300;
  private static final Font SMALL = Pictures.font(13, false);
  private static final Font SIGN = Pictures.font(15, false);

  private BevLegend() {}

  static void draw(Graphics2D g, BevContents contents) {
    g.setColor(Palette.PANEL);
    g.fillRect(BevView.SIZE, 0, WIDTH, BevView.SIZE);
    DetectionSample sample = contents.sample();
    Pictures.text(g, sample.sceneName(), LEFT, 54, Pictures.font(28, true), Palette.TEXT);
    Pictures.text(g, "sample " + shortened(sample.token()), LEFT, 82, SMALL, Palette.DIM_TEXT);
    Pictures.text(g, sample.timestamp() + " µs", LEFT, 102, SMALL, Palette.DIM_TEXT);
    double y = drawClasses(g, contents, 154);
    y = drawSigns(g, contents, y + 40);
    if (contents.points() != null) {
      y = drawHeightBar(g, y + 40);
    }
    drawScale(g, y + 56);
  }

  private static String shortened(String token) {
    return token.length() > 32 ? token.substring(0, 32) + "…" : token;
  }

  private static double drawClasses(Graphics2D g, BevContents contents, double top) {
    double y = top;
    Font header = Pictures.font(13, true);
    Pictures.text(g, "CLASS", LEFT, y, header, Palette.DIM_TEXT);
    rightAligned(g, "TRUTH", MIDDLE, y, header, Palette.DIM_TEXT);
    List<Detection> detections = contents.detections();
    if (detections != null) {
      rightAligned(g, "FOUND", RIGHT, y, header, Palette.DIM_TEXT);
    }
    for (DetectionClass c : DetectionClass.values()) {
      y += 30;
      drawClass(g, y, Palette.of(c), c.detectionName(), truths(contents, Optional.of(c)));
      if (detections != null) {
        long found = detections.stream().filter(d -> d.detectionClass() == c).count();
        rightAligned(g, count(found), RIGHT, y, Pictures.font(16, false), Palette.TEXT);
      }
    }
    long ignored = truths(contents, Optional.empty());
    if (ignored > 0) {
      y += 30;
      drawClass(g, y, Palette.IGNORED, "not evaluated", ignored);
    }
    return y;
  }

  private static void drawClass(Graphics2D g, double y, Color color, String name, long truths) {
    Font font = Pictures.font(16, false);
    g.setColor(color);
    g.fill(new RoundRectangle2D.Double(LEFT, y - 13, 16, 16, 5, 5));
    Pictures.text(g, name, LEFT + 28, y, font, Palette.TEXT);
    rightAligned(g, count(truths), MIDDLE, y, font, Palette.TEXT);
  }

  private static long truths(BevContents contents, Optional<DetectionClass> c) {
    return contents.sample().boxes().stream().filter(b -> b.detectionClass().equals(c)).count();
  }

  private static String count(long n) {
    return n == 0 ? "·" : Long.toString(n);
  }

  private static void rightAligned(
      Graphics2D g, String text, double x, double y, Font font, Color color) {
    Pictures.text(g, text, x - Pictures.textWidth(g, text, font), y, font, color);
  }

  private static double drawSigns(Graphics2D g, BevContents contents, double top) {
    double y = top;
    Color color = Palette.of(DetectionClass.CAR);
    drawArea(g, y, Palette.withAlpha(color, BevPicture.OBSERVED), "ground truth");
    y += 28;
    drawArea(g, y, Palette.withAlpha(color, BevPicture.UNOBSERVED), "without LiDAR or radar point");
    if (contents.detections() != null) {
      y += 28;
      g.setColor(color);
      g.setStroke(new BasicStroke(2.2f));
      g.draw(new Rectangle2D.Double(LEFT + 1, y - 12, 32, 14));
      name(g, y, String.format(Locale.ROOT, "detection, score ≥ %.2f", contents.minScore()));
    }
    y += 28;
    g.setColor(color);
    g.setStroke(new BasicStroke(1.6f));
    g.draw(new Line2D.Double(LEFT, y - 5, LEFT + 34, y - 5));
    name(g, y, "motion in one second");
    if (contents.tracks() != null) {
      y += 28;
      drawTrackSign(g, y, Palette.TEXT, 3);
      name(g, y, "way of the ego car: past, to come");
      y += 28;
      drawTrackSign(g, y, color, 1.8f);
      name(g, y, "way of an object");
    }
    if (contents.map() != null) {
      y += 28;
      drawArea(g, y, Palette.DRIVABLE, "drivable ground");
    }
    return y;
  }

  private static void drawArea(Graphics2D g, double y, Color color, String name) {
    g.setColor(color);
    g.fill(new Rectangle2D.Double(LEFT, y - 13, 34, 16));
    name(g, y, name);
  }

  private static void drawTrackSign(Graphics2D g, double y, Color color, float width) {
    g.setStroke(new BasicStroke(width));
    g.setColor(Palette.withAlpha(color, 0.85));
    g.draw(new Line2D.Double(LEFT, y - 5, LEFT + 14, y - 5));
    g.setStroke(new BasicStroke(width * 0.6f));
    for (double x : new double[] {LEFT + 18, LEFT + 26, LEFT + 34}) {
      g.draw(new Ellipse2D.Double(x - 2.5, y - 7.5, 5, 5));
    }
  }

  private static void name(Graphics2D g, double y, String text) {
    Pictures.text(g, text, LEFT + 48, y, SIGN, Palette.TEXT);
  }

  private static double drawHeightBar(Graphics2D g, double y) {
    for (int i = 0; i < 300; i++) {
      g.setColor(Palette.height(-0.5 + 4.5 * i / 300));
      g.fill(new Rectangle2D.Double(LEFT + i, y, 1.5, 12));
    }
    Pictures.text(g, "LiDAR height  ≤ −0.5 m", LEFT, y + 32, SMALL, Palette.DIM_TEXT);
    rightAligned(g, "≥ 4 m", RIGHT, y + 32, SMALL, Palette.DIM_TEXT);
    return y + 32;
  }

  private static void drawScale(Graphics2D g, double y) {
    double length = 10 * BevView.PIXELS_PER_METRE;
    g.setColor(Palette.TEXT);
    g.setStroke(new BasicStroke(2));
    g.draw(new Line2D.Double(LEFT, y, LEFT + length, y));
    g.draw(new Line2D.Double(LEFT, y - 5, LEFT, y + 5));
    g.draw(new Line2D.Double(LEFT + length, y - 5, LEFT + length, y + 5));
    Pictures.text(g, "10 m", LEFT + length + 14, y + 5, SMALL, Palette.TEXT);
    Pictures.text(g, "x forward is up, y left is left", LEFT, y + 34, SMALL, Palette.DIM_TEXT);
  }
}
