package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.ImageEncoder;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.nio.file.Path;

/** What both pictures share, and writing them to files. */
public final class Pictures {
  private Pictures() {}

  /**
   * Writes a picture as PNG; the file appears only when complete.
   *
   * @throws dev.bevel.nuscenes.NuScenesException if it cannot be written
   */
  public static void writePng(BufferedImage image, Path file) {
    byte[] bytes = ImageEncoder.png(image);
    AtomicFile.write(file, out -> out.write(bytes));
  }

  static Graphics2D graphics(BufferedImage image) {
    Graphics2D g = image.createGraphics();
    g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    g.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    g.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
    g.setRenderingHint(
        RenderingHints.KEY_FRACTIONALMETRICS, RenderingHints.VALUE_FRACTIONALMETRICS_ON);
    return g;
  }

  static Font font(double size, boolean bold) {
    return new Font(Font.SANS_SERIF, bold ? Font.BOLD : Font.PLAIN, 1).deriveFont((float) size);
  }

  static void text(Graphics2D g, String text, double x, double y, Font font, Color color) {
    g.setFont(font);
    g.setColor(color);
    g.drawString(text, (float) x, (float) y);
  }

  static double textWidth(Graphics2D g, String text, Font font) {
    return g.getFontMetrics(font).stringWidth(text);
  }

  static void textCentred(Graphics2D g, String text, double x, double y, Font font, Color color) {
    text(g, text, x - textWidth(g, text, font) / 2, y, font, color);
  }
}
