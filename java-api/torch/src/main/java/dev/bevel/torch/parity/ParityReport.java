package dev.bevel.torch.parity;

import java.util.List;
import java.util.Locale;

/**
 * Result of a comparison.
 *
 * @param detector name of the fixture
 * @param doublePrecision whether the network ran in float64
 * @param tolerance largest error allowed
 * @param taps in the fixture's order
 * @param headOutputsNotCompared outputs of the detector's head that the fixture has no tap for
 * @param fillSeconds time it took to make the weights
 * @param forwardSeconds time of the forward pass whose taps were compared
 * @param upstreamSeconds time that upstream's forward pass took, as the fixture says
 */
public record ParityReport(
    String detector,
    boolean doublePrecision,
    double tolerance,
    List<TapResult> taps,
    List<String> headOutputsNotCompared,
    double fillSeconds,
    double forwardSeconds,
    double upstreamSeconds) {
  /** One tap in so many may be missing in the detector. */
  private static final int MISSING = 10;

  /** Copies the lists. */
  public ParityReport {
    taps = List.copyOf(taps);
    headOutputsNotCompared = List.copyOf(headOutputsNotCompared);
  }

  /**
   * Whether every tap that was compared is within the tolerance, and enough was compared: all
   * outputs of the head, and nine tenths of the fixture's taps.
   */
  public boolean passed() {
    return differing() == 0 && enoughCompared();
  }

  private long differing() {
    return taps.stream().filter(tap -> tap.compared() && !tap.within(tolerance)).count();
  }

  private long notCompared() {
    return taps.stream().filter(tap -> !tap.compared()).count();
  }

  private boolean enoughCompared() {
    return MISSING * notCompared() <= taps.size() && headOutputsNotCompared.isEmpty();
  }

  /** The table that the command line prints. */
  public String format() {
    StringBuilder text = new StringBuilder();
    int width = taps.stream().mapToInt(tap -> tap.name().length()).max().orElse(0);
    for (TapResult tap : taps) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-" + width + "s  %9s  %-4s  %s%n",
              tap.name(),
              tap.compared() ? String.format(Locale.ROOT, "%9.2e", tap.error()) : "-",
              tap.compared() ? (tap.within(tolerance) ? "ok" : "FAIL") : "-",
              tap.shape()));
    }
    text.append(
        String.format(
            Locale.ROOT,
            "%s, %s: %s (largest error / std of the tap, tolerance %.0e)%n",
            detector,
            doublePrecision ? "float64" : "float32",
            summary(),
            tolerance));
    text.append(
        String.format(
            Locale.ROOT,
            "weights made in %.2f s, forward pass %.2f s (PyTorch, when the fixture was made: %.2f s)%n",
            fillSeconds,
            forwardSeconds,
            upstreamSeconds));
    return text.toString();
  }

  private String summary() {
    long compared = taps.size() - notCompared();
    StringBuilder text = new StringBuilder();
    if (differing() > 0) {
      text.append(differing()).append(" of ").append(compared).append(" taps differ");
    } else {
      text.append("all ").append(compared).append(" taps agree");
    }
    if (notCompared() > 0) {
      text.append(", ").append(notCompared()).append(" not compared");
    }
    if (!headOutputsNotCompared.isEmpty()) {
      text.append("; FAIL: the fixture has no tap of the head's outputs ")
          .append(String.join(", ", headOutputsNotCompared));
    } else if (!enoughCompared()) {
      text.append("; FAIL: more than a tenth of the fixture's taps are not compared");
    }
    return text.toString();
  }
}
