package dev.bevel.nuscenes.report;

import java.util.Locale;

/** How numbers stand in the report. */
final class Figures {
  /** For what is not a number. */
  static final String NONE = "n/a";

  private Figures() {}

  /** With a number of decimals. */
  static String fixed(double value, int decimals) {
    if (Double.isNaN(value)) {
      return NONE;
    }
    return Double.isInfinite(value) || Math.abs(value) >= 1e9
        ? brief(value)
        : String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** As short as is clear, for axes: 0.25, 12, 1e-4. */
  static String brief(double value) {
    if (Double.isNaN(value)) {
      return NONE;
    }
    if (value == 0) {
      return "0";
    }
    double size = Math.abs(value);
    if (size >= 1e-3 && size < 1e6) {
      String text = String.format(Locale.ROOT, "%.4f", value);
      return text.replaceAll("0+$", "").replaceAll("\\.$", "");
    }
    return String.format(Locale.ROOT, "%.1e", value)
        .replaceAll("\\.0e", "e")
        .replaceAll("e([+-])0", "e$1")
        .replace("e+", "e");
  }

  /** A coordinate of SVG: tenths of a pixel. */
  static String pixel(double value) {
    return Double.toString(Math.round(value * 10) / 10.0);
  }

  static String percent(double share) {
    return Double.isNaN(share) ? NONE : String.format(Locale.ROOT, "%.0f %%", 100 * share);
  }
}
