package dev.bevel.torch.train;

import dev.bevel.nuscenes.Counted;
import java.util.List;
import java.util.Locale;

/**
 * A learning rate over the steps of a training, as a factor of the base rate. A pure function of
 * the step, so that nothing of it needs saving.
 */
public sealed interface LearningRate {
  /**
   * The factor for a step.
   *
   * @param step steps taken before, 0 for the first
   */
  double factor(long step);

  /** Always 1. */
  record Constant() implements LearningRate {
    @Override
    public double factor(long step) {
      return 1;
    }
  }

  /**
   * A factor of {@code gamma} for each milestone that was reached.
   *
   * @param milestones steps
   * @param gamma factor
   */
  record Steps(List<Long> milestones, double gamma) implements LearningRate {
    /** Copies the list. */
    public Steps {
      milestones = List.copyOf(milestones);
    }

    @Override
    public double factor(long step) {
      return Math.pow(gamma, (double) milestones.stream().filter(m -> step >= m).count());
    }
  }

  /**
   * Half a cosine from 1 at step 0 to {@code last} at step {@code steps}, and {@code last} from
   * there on (Loshchilov and Hutter, ICLR 2017, without restarts).
   *
   * @param steps length
   * @param last factor at the end
   */
  record Cosine(long steps, double last) implements LearningRate {
    /** Checks the length. */
    public Cosine {
      requirePositive("Cosine", steps);
    }

    @Override
    public double factor(long step) {
      return interpolate(1, last, (double) step / steps);
    }
  }

  /**
   * Smith's one cycle: a half cosine from {@code 1/startDivisor} up to 1 over the first {@code
   * rise} of the steps, then one down to {@code 1/(startDivisor · endDivisor)}.
   *
   * @param steps length
   * @param rise fraction of the steps that rise, below 1; more than one step
   * @param startDivisor peak over first rate
   * @param endDivisor first over last rate
   */
  record OneCycle(long steps, double rise, double startDivisor, double endDivisor)
      implements LearningRate {
    /** Checks length and fraction. */
    public OneCycle {
      requirePositive("OneCycle", steps);
      if (!isRise(rise, steps)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "OneCycle: rise must be below 1 and more than one of %s, got %s",
                Counted.of(steps, "step"),
                rise));
      }
    }

    static boolean isRise(double rise, long steps) {
      return rise * steps > 1 && rise < 1;
    }

    @Override
    public double factor(long step) {
      double peak = rise * steps - 1;
      double first = 1 / startDivisor;
      if (step < peak) {
        return interpolate(first, 1, step / peak);
      }
      return interpolate(1, first / endDivisor, (step - peak) / (steps - 1 - peak));
    }
  }

  /**
   * A linear rise before another schedule: its factor times {@code first + (1 − first) · step /
   * steps} in the first steps.
   *
   * @param steps length of the rise
   * @param first factor at step 0
   * @param then the schedule, counted from step 0 too
   */
  record WarmUp(long steps, double first, LearningRate then) implements LearningRate {
    /** Checks the length. */
    public WarmUp {
      requirePositive("WarmUp", steps);
    }

    @Override
    public double factor(long step) {
      double rise = step >= steps ? 1 : first + (1 - first) * step / steps;
      return rise * then.factor(step);
    }
  }

  private static double interpolate(double from, double to, double fraction) {
    double t = Math.clamp(fraction, 0, 1);
    return to + (from - to) * (1 + Math.cos(Math.PI * t)) / 2;
  }

  private static void requirePositive(String name, long steps) {
    if (steps < 1) {
      throw new IllegalArgumentException(name + ": steps must be positive, got " + steps);
    }
  }
}
