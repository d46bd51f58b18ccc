package dev.bevel.nuscenes.draw;

import static dev.bevel.nuscenes.draw.BevView.PIXELS_PER_METRE;
import static dev.bevel.nuscenes.draw.BevView.RANGE;
import static dev.bevel.nuscenes.draw.BevView.SIZE;
import static dev.bevel.nuscenes.draw.BevView.px;
import static dev.bevel.nuscenes.draw.BevView.py;

import dev.bevel.nuscenes.LidarPoints;
import dev.bevel.nuscenes.MapRegion;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.draw.SceneTracks.Place;
import dev.bevel.nuscenes.draw.SceneTracks.Track;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.util.List;
import org.joml.Vector3d;

/** What lies below the boxes: the map, rings of distance, tracks, LiDAR points. */
final class BevGround {
  private static final Font SMALL = Pictures.font(13, false);

  private BevGround() {}

  static void draw(Graphics2D g, BevContents contents) {
    g.setColor(Palette.GROUND);
    g.fillRect(0, 0, SIZE, SIZE);
    if (contents.map() != null) {
      g.drawImage(map(contents.map(), contents.sample().egoToGlobal()), 0, 0, null);
    }
    drawRings(g);
    if (contents.points() != null) {
      drawPoints(g, contents.points(), contents.sample().lidarToEgo());
    }
    if (contents.tracks() != null) {
      contents.tracks().objects().forEach(track -> drawTrack(g, track));
      drawWay(g, contents.tracks().ego(), Palette.TEXT, 3);
    }
  }

  private static BufferedImage map(MapRegion map, Pose egoToGlobal) {
    BufferedImage image = new BufferedImage(SIZE, SIZE, BufferedImage.TYPE_INT_ARGB);
    int drivable = Palette.DRIVABLE.getRGB();
    double[] m = egoToGlobal.matrix();
    for (int row = 0; row < SIZE; row++) {
      double x = RANGE - (row + 0.5) / PIXELS_PER_METRE;
      for (int column = 0; column < SIZE; column++) {
        double y = RANGE - (column + 0.5) / PIXELS_PER_METRE;
        if (map.isForeground(m[0] * x + m[1] * y + m[3], m[4] * x + m[5] * y + m[7])) {
          image.setRGB(column, row, drivable);
        }
      }
    }
    return image;
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

  private static void drawPoints(Graphics2D g, LidarPoints points, Pose lidarToEgo) {
    g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_OFF);
    for (int i = 0; i < points.count(); i++) {
      Vector3d p = lidarToEgo.transform(points.x(i), points.y(i), points.z(i));
      if (Math.abs(p.x) < RANGE && Math.abs(p.y) < RANGE) {
        g.setColor(Palette.withAlpha(Palette.height(p.z), 0.8));
        // Whole pixels: antialiasing 34,000 squares takes seconds.
        g.fillRect((int) px(p.y) - 1, (int) py(p.x) - 1, 2, 2);
      }
    }
    g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
  }

  private static void drawTrack(Graphics2D g, Track track) {
    drawWay(g, track, Palette.of(track.detectionClass()), 1.8f);
  }

  /** The past is a line, the future a fainter one with a ring at each key frame. */
  private static void drawWay(Graphics2D g, Track track, Color color, float width) {
    g.setStroke(new BasicStroke(width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    g.setColor(Palette.withAlpha(color, 0.85));
    g.draw(line(track.past()));
    g.setStroke(new BasicStroke(width * 0.6f));
    g.setColor(Palette.withAlpha(color, 0.45));
    g.draw(line(track.future()));
    g.setColor(Palette.withAlpha(color, 0.85));
    for (Place place : track.future()) {
      if (isNear(place)) {
        g.draw(new Ellipse2D.Double(px(place.y()) - 2.5, py(place.x()) - 2.5, 5, 5));
      }
    }
  }

  private static Path2D line(List<Place> places) {
    Path2D path = new Path2D.Double();
    for (int i = 1; i < places.size(); i++) {
      Place a = places.get(i - 1);
      Place b = places.get(i);
      if (isNear(a) || isNear(b)) {
        path.moveTo(px(a.y()), py(a.x()));
        path.lineTo(px(b.y()), py(b.x()));
      }
    }
    return path;
  }

  private static boolean isNear(Place place) {
    return Math.abs(place.x()) < 2 * RANGE && Math.abs(place.y()) < 2 * RANGE;
  }
}
