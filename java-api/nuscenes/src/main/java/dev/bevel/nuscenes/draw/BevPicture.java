package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.GroundTruthBox;
import dev.bevel.nuscenes.LidarPoints;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.Shape;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.joml.Vector3d;
import org.jspecify.annotations.Nullable;

/**
 * A key frame from above, in the key ego frame: forward is up, left is left. Ground truth is
 * filled, detections are outlined, both in the colour of their class, so a hit is a filled shape in
 * an outline, a miss a bare filling and a false alarm a bare outline.
 */
public final class BevPicture {
  private static final int MAP = 1400;
  private static final int PANEL = 360;

  /** Metres from the ego to the map's edges: the usual BEV grid's 51.2 m and a margin. */
  private static final double RANGE = 54;

  private static final double PIXELS_PER_METRE = MAP / (2 * RANGE);
  private static final Font SMALL = Pictures.font(13, false);
  private static final Font SCORE = Pictures.font(12, true);

  private final DetectionSample sample;
  private @Nullable LidarPoints points;
  private List<Detection> detections = List.of();
  private boolean hasDetections;
  private double minScore;

  /** A picture of the sample's ground truth. */
  public BevPicture(DetectionSample sample) {
    this.sample = sample;
  }

  /**
   * Adds LiDAR points, coloured by height.
   *
   * @param lidar in the LIDAR_TOP frame, as {@link DetectionSample#readLidar()} gives them
   */
  public BevPicture withLidar(LidarPoints lidar) {
    this.points = lidar;
    return this;
  }

  /**
   * Adds detections.
   *
   * @param list in the key ego frame
   * @param atLeast only those with this score or more are drawn
   */
  public BevPicture withDetections(List<Detection> list, double atLeast) {
    this.detections =
        list.stream()
            .filter(d -> d.score() >= atLeast)
            .sorted(Comparator.comparingDouble(Detection::score))
            .toList();
    this.hasDetections = true;
    this.minScore = atLeast;
    return this;
  }

  /** The picture, 1760×1400 pixels. */
  public BufferedImage draw() {
    BufferedImage image = new BufferedImage(MAP + PANEL, MAP, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = Pictures.graphics(image);
    try {
      g.setColor(Palette.GROUND);
      g.fillRect(0, 0, MAP, MAP);
      g.setClip(0, 0, MAP, MAP);
      drawRings(g);
      drawPoints(g);
      for (GroundTruthBox box : sample.boxes()) {
        drawGroundTruth(g, box);
      }
      drawEgo(g);
      for (Detection detection : detections) {
        drawDetection(g, detection);
      }
      List<Rectangle2D> scores = new ArrayList<>();
      for (Detection detection : detections.reversed()) {
        drawScore(g, detection, scores);
      }
      g.setClip(null);
      drawPanel(g);
      return image;
    } finally {
      g.dispose();
    }
  }

  /** Pixel column of a point of the ego frame: left is left. */
  private static double px(double y) {
    return MAP / 2.0 - y * PIXELS_PER_METRE;
  }

  /** Pixel row of a point of the ego frame: forward is up. */
  private static double py(double x) {
    return MAP / 2.0 - x * PIXELS_PER_METRE;
  }

  private static void drawRings(Graphics2D g) {
    g.setStroke(new BasicStroke(1));
    g.setColor(Palette.withAlpha(Palette.LINE, 0.7));
    g.draw(new Line2D.Double(px(RANGE), py(0), px(-RANGE), py(0)));
    g.draw(new Line2D.Double(px(0), py(RANGE), px(0), py(-RANGE)));
    for (int radius = 10; radius <= 50; radius += 10) {
      double r = radius * PIXELS_PER_METRE;
      g.setColor(Palette.LINE);
      g.draw(new Ellipse2D.Double(px(0) - r, py(0) - r, 2 * r, 2 * r));
      double angle = Math.toRadians(-45);
      Pictures.textCentred(
          g,
          radius + " m",
          px(radius * Math.sin(angle)),
          py(radius * Math.cos(angle)) - 4,
          SMALL,
          Palette.withAlpha(Palette.DIM_TEXT, 0.9));
    }
  }

  private void drawPoints(Graphics2D g) {
    if (points == null) {
      return;
    }
    g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_OFF);
    for (int i = 0; i < points.count(); i++) {
      Vector3d p = sample.lidarToEgo().transform(points.x(i), points.y(i), points.z(i));
      if (Math.abs(p.x) < RANGE && Math.abs(p.y) < RANGE) {
        g.setColor(Palette.withAlpha(Palette.height(p.z), 0.8));
        // Whole pixels: antialiasing 34,000 squares takes seconds.
        g.fillRect((int) px(p.y) - 1, (int) py(p.x) - 1, 2, 2);
      }
    }
    g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
  }

  /** The box seen from above. */
  private static Path2D footprint(Box3d box) {
    Vector3d[] c = box.corners();
    Path2D path = new Path2D.Double();
    path.moveTo(px(c[0].y), py(c[0].x));
    path.lineTo(px(c[1].y), py(c[1].x));
    path.lineTo(px(c[5].y), py(c[5].x));
    path.lineTo(px(c[4].y), py(c[4].x));
    path.closePath();
    return path;
  }

  private static Path2D headingMark(Box3d box) {
    Vector3d nose = box.pose().transform(box.length() / 2, 0, 0);
    Vector3d left = box.pose().transform(box.length() * 0.15, box.width() / 2, 0);
    Vector3d right = box.pose().transform(box.length() * 0.15, -box.width() / 2, 0);
    Path2D path = new Path2D.Double();
    path.moveTo(px(left.y), py(left.x));
    path.lineTo(px(nose.y), py(nose.x));
    path.lineTo(px(right.y), py(right.x));
    return path;
  }

  private static void drawVelocity(Graphics2D g, Box3d box) {
    if (box.speed() > 0.3) {
      g.draw(
          new Line2D.Double(
              px(box.y()), py(box.x()), px(box.y() + box.vy()), py(box.x() + box.vx())));
    }
  }

  private static void drawGroundTruth(Graphics2D g, GroundTruthBox truth) {
    Color color = Palette.of(truth.detectionClass());
    double strength = truth.isObserved() ? 0.5 : 0.2;
    g.setColor(Palette.withAlpha(color, strength));
    g.fill(footprint(truth.box()));
    g.setStroke(new BasicStroke(1.2f));
    g.setColor(Palette.withAlpha(Palette.GROUND, 0.8));
    g.draw(headingMark(truth.box()));
    g.setColor(Palette.withAlpha(color, 0.8));
    drawVelocity(g, truth.box());
  }

  private static void drawDetection(Graphics2D g, Detection detection) {
    Shape outline = footprint(detection.box());
    Path2D heading = headingMark(detection.box());
    g.setStroke(new BasicStroke(4.5f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    g.setColor(Palette.withAlpha(Palette.GROUND, 0.75));
    g.draw(outline);
    g.setStroke(new BasicStroke(2.2f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    g.setColor(Palette.of(detection.detectionClass()));
    g.draw(outline);
    g.draw(heading);
    g.setStroke(new BasicStroke(1.6f));
    drawVelocity(g, detection.box());
  }

  /** Scores come highest first; one that would cover another is left out. */
  private static void drawScore(Graphics2D g, Detection detection, List<Rectangle2D> scores) {
    Rectangle2D bounds = footprint(detection.box()).getBounds2D();
    String text = String.format(Locale.ROOT, "%.2f", detection.score());
    double width = Pictures.textWidth(g, text, SCORE);
    double x = Math.clamp(bounds.getMaxX() + 4, 2, MAP - width - 4);
    double y = Math.clamp(bounds.getMinY() + 4, 14, MAP - 4.0);
    Rectangle2D area = new Rectangle2D.Double(x - 2, y - 11, width + 4, 14);
    if (scores.stream().anyMatch(area::intersects)) {
      return;
    }
    scores.add(area);
    g.setColor(Palette.withAlpha(Palette.GROUND, 0.7));
    g.fill(area);
    Pictures.text(g, text, x, y, SCORE, Palette.of(detection.detectionClass()));
  }

  /** The vehicle, 4.08 m × 1.73 m, with its origin on the rear axle. */
  private static void drawEgo(Graphics2D g) {
    double rear = -0.76;
    double length = 4.08;
    double width = 1.73;
    double k = PIXELS_PER_METRE;
    g.setColor(Palette.TEXT);
    g.fill(
        new RoundRectangle2D.Double(
            px(width / 2), py(rear + length), width * k, length * k, 0.8 * k, 0.8 * k));
    g.setColor(Palette.GROUND);
    Path2D arrow = new Path2D.Double();
    arrow.moveTo(px(0), py(rear + length - 0.5));
    arrow.lineTo(px(0.5), py(rear + length - 1.6));
    arrow.lineTo(px(-0.5), py(rear + length - 1.6));
    arrow.closePath();
    g.fill(arrow);
  }

  private void drawPanel(Graphics2D g) {
    g.setColor(Palette.PANEL);
    g.fillRect(MAP, 0, PANEL, MAP);
    double x = MAP + 28;
    double y = 54;
    Pictures.text(g, sample.sceneName(), x, y, Pictures.font(28, true), Palette.TEXT);
    Pictures.text(g, "sample " + shortToken(), x, y += 28, SMALL, Palette.DIM_TEXT);
    Pictures.text(g, sample.timestamp() + " µs", x, y += 20, SMALL, Palette.DIM_TEXT);
    y = drawClasses(g, x, y + 52);
    y = drawGlyphs(g, x, y + 40);
    if (points != null) {
      y = drawHeightBar(g, x, y + 40);
    }
    drawScale(g, x, y + 56);
  }

  private String shortToken() {
    return sample.token().length() > 32 ? sample.token().substring(0, 32) + "…" : sample.token();
  }

  private double drawClasses(Graphics2D g, double x, double top) {
    double y = top;
    Font header = Pictures.font(13, true);
    Font name = Pictures.font(16, false);
    Pictures.text(g, "CLASS", x, y, header, Palette.DIM_TEXT);
    rightAligned(g, "TRUTH", x + 220, y, header, Palette.DIM_TEXT);
    if (hasDetections) {
      rightAligned(g, "FOUND", x + 300, y, header, Palette.DIM_TEXT);
    }
    for (DetectionClass c : DetectionClass.values()) {
      y += 30;
      g.setColor(Palette.of(c));
      g.fill(new RoundRectangle2D.Double(x, y - 13, 16, 16, 5, 5));
      Pictures.text(g, c.detectionName(), x + 28, y, name, Palette.TEXT);
      long truth =
          sample.boxes().stream().filter(b -> b.detectionClass().equals(Optional.of(c))).count();
      rightAligned(g, count(truth), x + 220, y, name, Palette.TEXT);
      if (hasDetections) {
        long found = detections.stream().filter(d -> d.detectionClass() == c).count();
        rightAligned(g, count(found), x + 300, y, name, Palette.TEXT);
      }
    }
    long ignored = sample.boxes().stream().filter(b -> b.detectionClass().isEmpty()).count();
    if (ignored > 0) {
      y += 30;
      g.setColor(Palette.IGNORED);
      g.fill(new RoundRectangle2D.Double(x, y - 13, 16, 16, 5, 5));
      Pictures.text(g, "not evaluated", x + 28, y, name, Palette.DIM_TEXT);
      rightAligned(g, count(ignored), x + 220, y, name, Palette.DIM_TEXT);
    }
    return y;
  }

  private static String count(long n) {
    return n == 0 ? "·" : Long.toString(n);
  }

  private static void rightAligned(
      Graphics2D g, String text, double x, double y, Font font, Color color) {
    Pictures.text(g, text, x - Pictures.textWidth(g, text, font), y, font, color);
  }

  private double drawGlyphs(Graphics2D g, double x, double top) {
    double y = top;
    Font font = Pictures.font(15, false);
    Color color = Palette.of(DetectionClass.CAR);
    g.setColor(Palette.withAlpha(color, 0.5));
    g.fill(new Rectangle2D.Double(x, y - 13, 34, 16));
    Pictures.text(g, "ground truth", x + 48, y, font, Palette.TEXT);
    y += 28;
    g.setColor(Palette.withAlpha(color, 0.2));
    g.fill(new Rectangle2D.Double(x, y - 13, 34, 16));
    Pictures.text(g, "without LiDAR or radar point", x + 48, y, font, Palette.TEXT);
    if (hasDetections) {
      y += 28;
      g.setColor(color);
      g.setStroke(new BasicStroke(2.2f));
      g.draw(new Rectangle2D.Double(x + 1, y - 12, 32, 14));
      String score = String.format(Locale.ROOT, "detection, score ≥ %.2f", minScore);
      Pictures.text(g, score, x + 48, y, font, Palette.TEXT);
    }
    y += 28;
    g.setColor(color);
    g.setStroke(new BasicStroke(1.6f));
    g.draw(new Line2D.Double(x, y - 5, x + 34, y - 5));
    Pictures.text(g, "motion in one second", x + 48, y, font, Palette.TEXT);
    return y;
  }

  private static double drawHeightBar(Graphics2D g, double x, double y) {
    for (int i = 0; i < 300; i++) {
      g.setColor(Palette.height(-0.5 + 4.5 * i / 300));
      g.fill(new Rectangle2D.Double(x + i, y, 1.5, 12));
    }
    Pictures.text(g, "LiDAR height  ≤ −0.5 m", x, y + 32, SMALL, Palette.DIM_TEXT);
    rightAligned(g, "≥ 4 m", x + 300, y + 32, SMALL, Palette.DIM_TEXT);
    return y + 32;
  }

  private static void drawScale(Graphics2D g, double x, double y) {
    double length = 10 * PIXELS_PER_METRE;
    g.setColor(Palette.TEXT);
    g.setStroke(new BasicStroke(2));
    g.draw(new Line2D.Double(x, y, x + length, y));
    g.draw(new Line2D.Double(x, y - 5, x, y + 5));
    g.draw(new Line2D.Double(x + length, y - 5, x + length, y + 5));
    Pictures.text(g, "10 m", x + length + 14, y + 5, SMALL, Palette.TEXT);
    Pictures.text(g, "x forward is up, y left is left", x, y + 34, SMALL, Palette.DIM_TEXT);
  }
}
