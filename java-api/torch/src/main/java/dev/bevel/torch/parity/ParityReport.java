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
 * @param fillSeconds time it took to make the weights
 * @param forwardSeconds time of the forward pass whose taps were compared
 * @param upstreamSeconds time that upstream's forward pass took, as the fixture says
 */
public record ParityReport(
    String detector,
    boolean doublePrecision,
    double tolerance,
    List<TapResult> taps,
    double fillSeconds,
    double forwardSeconds,
    double upstreamSeconds) {
  /** Copies the list. */
  public ParityReport {
    taps = List.copyOf(taps);
  }

  /** Whether every tap is within the tolerance. */
  public boolean passed() {
    return taps.stream().allMatch(tap -> tap.within(tolerance));
  }

  /** The table that the command line prints. */
  public String format() {
    StringBuilder text = new StringBuilder();
    int width = taps.stream().mapToInt(tap -> tap.name().length()).max().orElse(0);
    for (TapResult tap : taps) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-" + width + "s  %9.2e  %-4s  %s%n",
              tap.name(),
              tap.error(),
              tap.within(tolerance) ? "ok" : "FAIL",
              tap.shape()));
    }
    long failed = taps.stream().filter(tap -> !tap.within(tolerance)).count();
    text.append(
        String.format(
            Locale.ROOT,
            "%s, %s: %s (largest error / std of the tap, tolerance %.0e)%n",
            detector,
            doublePrecision ? "float64" : "float32",
            failed == 0
                ? "all " + taps.size() + " taps agree"
                : failed + " of " + taps.size() + " taps differ",
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
}
