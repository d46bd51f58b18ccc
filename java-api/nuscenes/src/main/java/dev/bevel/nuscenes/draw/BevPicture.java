package dev.bevel.nuscenes.draw;

import static dev.bevel.nuscenes.draw.BevView.PIXELS_PER_METRE;
import static dev.bevel.nuscenes.draw.BevView.SIZE;
import static dev.bevel.nuscenes.draw.BevView.footprint;
import static dev.bevel.nuscenes.draw.BevView.headingMark;
import static dev.bevel.nuscenes.draw.BevView.px;
import static dev.bevel.nuscenes.draw.BevView.py;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.GroundTruthBox;
import dev.bevel.nuscenes.LidarPoints;
import dev.bevel.nuscenes.MapRegion;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.Shape;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A key frame from above, in the key ego frame: forward is up, left is left. Ground truth is
 * filled, detections are outlined, both in the colour of their class, so a hit is a filled shape in
 * an outline, a miss a bare filling and a false alarm a bare outline.
 */
public final class BevPicture {
  private static final Font SCORE = Pictures.font(12, true);

  /** Opacity of ground truth that a sensor saw, and of the rest. */
  static final double OBSERVED = 0.65;

  static final double UNOBSERVED = 0.25;

  private final DetectionSample sample;
  private @Nullable LidarPoints points;
  private @Nullable MapRegion map;
  private @Nullable SceneTracks tracks;
  private @Nullable List<Detection> detections;
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
    this.minScore = atLeast;
    return this;
  }

  /** Adds the ground that can be driven on. */
  public BevPicture withMap(MapRegion region) {
    this.map = region;
    return this;
  }

  /** Adds the ways of the ego car and of the objects. */
  public BevPicture withTracks(SceneTracks ofScene) {
    this.tracks = ofScene;
    return this;
  }

  /** The picture, 1760×1400 pixels. */
  public BufferedImage draw() {
    BevContents contents = new BevContents(sample, points, map, tracks, detections, minScore);
    BufferedImage image =
        new BufferedImage(SIZE + BevLegend.WIDTH, SIZE, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = Pictures.graphics(image);
    try {
      g.setClip(0, 0, SIZE, SIZE);
      BevGround.draw(g, contents);
      for (GroundTruthBox box : sample.boxes()) {
        drawGroundTruth(g, box);
      }
      drawEgo(g);
      if (detections != null) {
        drawDetections(g, detections);
      }
      g.setClip(null);
      BevLegend.draw(g, contents);
      return image;
    } finally {
      g.dispose();
    }
  }

  private static void drawDetections(Graphics2D g, List<Detection> detections) {
    for (Detection detection : detections) {
      drawDetection(g, detection);
    }
    List<Rectangle2D> scores = new ArrayList<>();
    for (Detection detection : detections.reversed()) {
      drawScore(g, detection, scores);
    }
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
    g.setColor(Palette.withAlpha(color, truth.isObserved() ? OBSERVED : UNOBSERVED));
    g.fill(footprint(truth.box()));
    g.setStroke(new BasicStroke(truth.box().length() < 1.5 ? 0.6f : 1.2f));
    g.setColor(Palette.withAlpha(Palette.INK, 0.7));
    g.draw(headingMark(truth.box()));
    g.setColor(color);
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
    double x = Math.clamp(bounds.getMaxX() + 4, 2, SIZE - width - 4);
    double y = Math.clamp(bounds.getMinY() + 4, 14, SIZE - 4.0);
    Rectangle2D area = new Rectangle2D.Double(x - 2, y - 11, width + 4, 14);
    if (scores.stream().anyMatch(area::intersects)) {
      return;
    }
    scores.add(area);
    g.setColor(Palette.withAlpha(Palette.GROUND, 0.7));
    g.fill(area);
    Pictures.text(g, text, x, y, SCORE, Palette.TEXT);
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
}
