package dev.bevel.nuscenes.simulator.town;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A track with the junctions on it, in order.
 *
 * @param start a good place to start: on a lane, away from junctions; metres along the track
 */
public record Route(Track track, List<Crossover> crossovers, double start) {

  /** Draws a route in the plan of a town. */
  static final class Builder {
    private static final double SPACING = 0.25;

    private final TownFrame frame;
    private double[] x = new double[1024];
    private double[] y = new double[1024];
    private int count;
    private double length;
    private double lastU;
    private double lastV;
    private final List<Mark> marks = new ArrayList<>();

    private record Mark(int junction, int lane, boolean isTurn, double enter, double leave) {
      Crossover on(Track track) {
        return new Crossover(junction, lane, track, isTurn, enter, leave);
      }
    }

    Builder(TownFrame frame, double u, double v) {
      this.frame = frame;
      add(u, v);
    }

    /** Metres so far, in the global frame. */
    double length() {
      return length;
    }

    Builder lineTo(double u, double v) {
      double fromU = lastU;
      double fromV = lastV;
      double du = u - fromU;
      double dv = v - fromV;
      int steps = (int) Math.ceil(Math.sqrt(du * du + dv * dv) / SPACING);
      for (int i = 1; i <= steps; i++) {
        add(fromU + du * i / steps, fromV + dv * i / steps);
      }
      return this;
    }

    /** A quadratic Bézier curve. */
    Builder curveTo(double controlU, double controlV, double u, double v) {
      double fromU = lastU;
      double fromV = lastV;
      double reach = Math.abs(u - fromU) + Math.abs(v - fromV);
      int steps = Math.max(1, (int) Math.ceil(reach / SPACING));
      for (int i = 1; i <= steps; i++) {
        double t = (double) i / steps;
        double a = (1 - t) * (1 - t);
        double b = 2 * t * (1 - t);
        double c = t * t;
        add(a * fromU + b * controlU + c * u, a * fromV + b * controlV + c * v);
      }
      return this;
    }

    /** What was drawn since the track was {@code from} metres long crosses a junction. */
    Builder markCrossover(int junction, int lane, boolean isTurn, double from) {
      marks.add(new Mark(junction, lane, isTurn, from, length));
      return this;
    }

    private void add(double u, double v) {
      if (count == x.length) {
        x = Arrays.copyOf(x, 2 * count);
        y = Arrays.copyOf(y, 2 * count);
      }
      x[count] = frame.x(u, v);
      y[count] = frame.y(u, v);
      if (count > 0) {
        double dx = x[count] - x[count - 1];
        double dy = y[count] - y[count - 1];
        length += Math.sqrt(dx * dx + dy * dy);
      }
      count++;
      lastU = u;
      lastV = v;
    }

    Route build(double start) {
      Track track = Track.through(x, y, count);
      return new Route(track, marks.stream().map(mark -> mark.on(track)).toList(), start);
    }
  }
}
