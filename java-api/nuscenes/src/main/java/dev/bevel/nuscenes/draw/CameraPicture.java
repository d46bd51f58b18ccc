package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.CameraSample;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.GroundTruthBox;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.RgbImage;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * The camera images of a key frame, three in a row, with the boxes projected into them: ground
 * truth thin and with a filled front face, detections bold and labelled, both in the colour of
 * their class. Boxes are placed as they stand in the key ego frame, each camera where it was at its
 * own time.
 */
public final class CameraPicture {
  private static final int TILE_WIDTH = 800;

  /** Images that are higher for their width stand in the middle of their tile. */
  private static final int MAX_TILE_HEIGHT = 2 * TILE_WIDTH;

  /** Room for the camera's name. */
  private static final int MIN_TILE_HEIGHT = 48;

  private static final int COLUMNS = 3;
  private static final int GAP = 6;
  private static final int LEGEND = 56;
  private static final Font LABEL = Pictures.font(13, true);

  private final DetectionSample sample;
  private List<Detection> detections = List.of();
  private boolean hasDetections;
  private double maxDistance = 60;

  /** A picture of the sample's images and ground truth. */
  public CameraPicture(DetectionSample sample) {
    this.sample = sample;
  }

  /**
   * Adds detections.
   *
   * @param list in the key ego frame
   * @param atLeast only those with this score or more are drawn
   */
  public CameraPicture withDetections(List<Detection> list, double atLeast) {
    this.detections = list.stream().filter(d -> d.score() >= atLeast).toList();
    this.hasDetections = true;
    return this;
  }

  /** Draws only boxes within this distance in metres of the ego (60 unless set). */
  public CameraPicture within(double metres) {
    this.maxDistance = metres;
    return this;
  }

  /**
   * The picture, 2412 pixels wide for the six nuScenes cameras and, whatever their sizes, at most
   * 3268 high.
   *
   * @throws dev.bevel.nuscenes.NuScenesException if an image is missing or damaged
   */
  public BufferedImage draw() {
    List<CameraSample> cameras = sample.cameras();
    int columns = Math.min(COLUMNS, cameras.size());
    int rows = (cameras.size() + columns - 1) / columns;
    int tileHeight =
        Math.max(
            MIN_TILE_HEIGHT,
            cameras.stream().mapToInt(c -> pixels(c.height(), scale(c))).max().orElseThrow());
    BufferedImage image =
        new BufferedImage(
            columns * TILE_WIDTH + (columns - 1) * GAP,
            rows * (tileHeight + GAP) + LEGEND,
            BufferedImage.TYPE_INT_RGB);
    Graphics2D g = Pictures.graphics(image);
    try {
      g.setColor(Palette.GROUND);
      g.fillRect(0, 0, image.getWidth(), image.getHeight());
      for (int i = 0; i < cameras.size(); i++) {
        Graphics2D tile =
            (Graphics2D)
                g.create(
                    i % columns * (TILE_WIDTH + GAP),
                    i / columns * (tileHeight + GAP),
                    TILE_WIDTH,
                    tileHeight);
        drawCamera(tile, cameras.get(i));
        tile.dispose();
      }
      drawLegend(g, image.getWidth(), image.getHeight() - LEGEND);
      return image;
    } finally {
      g.dispose();
    }
  }

  private void drawCamera(Graphics2D g, CameraSample camera) {
    double scale = scale(camera);
    int width = pixels(camera.width(), scale);
    int left = (TILE_WIDTH - width) / 2;
    AffineTransform zoom = new AffineTransform(scale, 0, 0, scale, left, 0);
    g.drawImage(
        reduced(camera.readImage(), scale), left, 0, width, pixels(camera.height(), scale), null);
    for (Placed<GroundTruthBox> truth : place(sample.boxes(), GroundTruthBox::box, camera)) {
      drawGroundTruth(g, truth, zoom);
    }
    List<Placed<Detection>> placed = place(detections, Detection::box, camera);
    for (Placed<Detection> detection : placed) {
      drawDetection(g, detection, zoom);
    }
    List<Rectangle2D> labels = new ArrayList<>();
    for (Placed<Detection> detection : placed.reversed()) {
      drawLabel(g, detection, zoom, labels);
    }
    drawName(g, camera.channel());
  }

  /** Pixels of the picture for one of the image. */
  private static double scale(CameraSample camera) {
    return Math.min(
        (double) TILE_WIDTH / camera.width(), (double) MAX_TILE_HEIGHT / camera.height());
  }

  private static int pixels(int side, double scale) {
    return Math.max(1, (int) Math.round(side * scale));
  }

  /** The image reduced to about its size here by whole-number block means, which do not alias. */
  private static BufferedImage reduced(RgbImage photo, double scale) {
    int factor = Math.clamp((long) (1 / scale), 1, Math.min(photo.width(), photo.height()));
    int width = photo.width() / factor;
    int height = photo.height() / factor;
    byte[] rgb = new byte[width * height * 3];
    byte[] from = photo.rgb();
    for (int i = 0; i < rgb.length; i++) {
      int x = i / 3 % width * factor;
      int y = i / 3 / width * factor;
      int sum = factor * factor / 2;
      for (int k = 0; k < factor * factor; k++) {
        sum += from[((y + k / factor) * photo.width() + x + k % factor) * 3 + i % 3] & 0xff;
      }
      rgb[i] = (byte) (sum / (factor * factor));
    }
    return new RgbImage(width, height, rgb).toBufferedImage();
  }

  /** A thing and its box in a camera. */
  private record Placed<T>(T thing, double distance, BoxProjection projection) {}

  /** What a camera sees of a list, farthest first. */
  private <T> List<Placed<T>> place(List<T> things, Function<T, Box3d> box, CameraSample camera) {
    Pose egoToCamera = camera.sensorToKeyEgo().inverse();
    List<Placed<T>> placed = new ArrayList<>();
    for (T thing : things) {
      Box3d inEgo = box.apply(thing);
      Box3d inCamera = inEgo.transformed(egoToCamera);
      BoxProjection projection = new BoxProjection(inCamera, camera.intrinsics());
      if (inEgo.groundDistance() <= maxDistance
          && projection.touches(camera.width(), camera.height())) {
        placed.add(new Placed<>(thing, inEgo.groundDistance(), projection));
      }
    }
    placed.sort(Comparator.comparingDouble((Placed<T> p) -> p.distance()).reversed());
    return placed;
  }

  private void drawGroundTruth(Graphics2D g, Placed<GroundTruthBox> truth, AffineTransform zoom) {
    Color color = Palette.of(truth.thing().detectionClass());
    double strength = truth.thing().isObserved() ? 1 : 0.4;
    truth
        .projection()
        .frontFace()
        .ifPresent(
            face -> {
              g.setColor(Palette.withAlpha(color, 0.28 * strength));
              g.fill(zoom.createTransformedShape(face));
            });
    g.setColor(Palette.withAlpha(color, 0.85 * strength));
    float width = hasDetections ? 1f : 1.8f;
    g.setStroke(new BasicStroke(width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    g.draw(zoom.createTransformedShape(wires(truth.projection())));
  }

  private static void drawDetection(
      Graphics2D g, Placed<Detection> detection, AffineTransform zoom) {
    Shape wires = zoom.createTransformedShape(wires(detection.projection()));
    g.setStroke(new BasicStroke(4.5f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    g.setColor(Palette.withAlpha(Palette.INK, 0.45));
    g.draw(wires);
    g.setStroke(new BasicStroke(2.4f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    g.setColor(Palette.of(detection.thing().detectionClass()));
    g.draw(wires);
  }

  private static Path2D wires(BoxProjection projection) {
    Path2D path = new Path2D.Double();
    for (Line2D edge : projection.edges()) {
      path.append(edge, false);
    }
    return path;
  }

  /** Labels come nearest first; one that would cover another is left out. */
  private static void drawLabel(
      Graphics2D g, Placed<Detection> detection, AffineTransform zoom, List<Rectangle2D> labels) {
    Rectangle2D bounds = zoom.createTransformedShape(wires(detection.projection())).getBounds2D();
    Detection d = detection.thing();
    String text =
        String.format(Locale.ROOT, "%s %.2f", d.detectionClass().detectionName(), d.score());
    double width = Pictures.textWidth(g, text, LABEL) + 10;
    double x = Math.clamp(bounds.getMinX(), 2, TILE_WIDTH - width - 2);
    double y = Math.max(bounds.getMinY() - 22, 36);
    Rectangle2D area = new Rectangle2D.Double(x, y, width, 20);
    if (labels.stream().anyMatch(area::intersects)) {
      return;
    }
    labels.add(area);
    g.setColor(Palette.withAlpha(Palette.of(d.detectionClass()), 0.92));
    g.fill(new RoundRectangle2D.Double(x, y, width, 20, 6, 6));
    Pictures.text(g, text, x + 5, y + 15, LABEL, Palette.on(Palette.of(d.detectionClass())));
  }

  private static void drawName(Graphics2D g, String name) {
    Font font = Pictures.font(17, true);
    double width = Pictures.textWidth(g, name, font);
    g.setColor(Palette.withAlpha(Palette.INK, 0.72));
    g.fill(new RoundRectangle2D.Double(10, 8, width + 20, 28, 8, 8));
    Pictures.text(g, name, 20, 28, font, Palette.PAPER);
  }

  private void drawLegend(Graphics2D g, int width, int top) {
    g.setColor(Palette.PANEL);
    g.fillRect(0, top, width, LEGEND);
    Font font = Pictures.font(17, false);
    double y = top + 35;
    double x = 24;
    Pictures.text(g, sample.sceneName(), x, y, Pictures.font(17, true), Palette.TEXT);
    x += Pictures.textWidth(g, sample.sceneName(), Pictures.font(17, true)) + 40;
    for (DetectionClass c : DetectionClass.values()) {
      g.setColor(Palette.of(c));
      g.fill(new RoundRectangle2D.Double(x, y - 14, 17, 17, 5, 5));
      Pictures.text(g, c.detectionName(), x + 25, y, font, Palette.TEXT);
      x += Pictures.textWidth(g, c.detectionName(), font) + 53;
    }
    String how =
        hasDetections ? "thin: ground truth   bold: detection" : "filled face: front of the object";
    Pictures.text(g, how, width - Pictures.textWidth(g, how, font) - 24, y, font, Palette.DIM_TEXT);
  }
}
