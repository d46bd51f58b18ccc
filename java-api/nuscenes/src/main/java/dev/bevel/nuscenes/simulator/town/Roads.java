package dev.bevel.nuscenes.simulator.town;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Where vehicles and cycles can go in a town: lanes between junctions, and turns at them. From the
 * inner lane one may turn left, from the outer lane right, from both go straight on; so that no two
 * lanes of one arm lead into the same lane.
 */
public final class Roads {
  /** Lane number of the cycles: the strip where nobody parks, else the outer lane's right side. */
  static final int CYCLE_LANE = 9;

  private static final int HEADINGS = 4;
  private static final int[] STEP_U = {1, 0, -1, 0};
  private static final int[] STEP_V = {0, 1, 0, -1};

  private final Town town;

  public Roads(Town town) {
    this.town = town;
  }

  /**
   * A lane of a street from one junction to the next.
   *
   * @param segment lies between the street's junctions {@code segment} and {@code segment + 1}
   * @param direction +1 towards greater coordinates, else −1
   */
  public record Lane(Street street, int segment, int direction, int number) {
    /** 0: +u, 1: +v, 2: −u, 3: −v. */
    int heading() {
      return (street.alongU() ? 0 : 1) + (direction > 0 ? 0 : 2);
    }

    /** Index, along the street, of the junction that it leads to. */
    int endJunction() {
      return direction > 0 ? segment + 1 : segment;
    }

    /** Metres to the left of the street's middle. */
    double left() {
      double right = (number + 0.5) * Street.LANE;
      if (number == CYCLE_LANE) {
        double outer = street.lanes() * Street.LANE;
        right = street.parking(direction) ? outer - 0.85 : outer + 1.0;
      }
      return -direction * right;
    }
  }

  /** All lanes for vehicles, or all for cycles. */
  public List<Lane> lanes(boolean cycles) {
    List<Lane> lanes = new ArrayList<>();
    for (boolean alongU : new boolean[] {true, false}) {
      for (Street street : town.streets(alongU)) {
        for (int segment = 0; segment < town.blocks(); segment++) {
          for (int direction = -1; direction <= 1; direction += 2) {
            for (int number = 0; number < (cycles ? 1 : street.lanes()); number++) {
              lanes.add(new Lane(street, segment, direction, cycles ? CYCLE_LANE : number));
            }
          }
        }
      }
    }
    return lanes;
  }

  /** Coordinate along the street where a lane begins. */
  public double begin(Lane lane) {
    return edge(lane, lane.direction() > 0 ? lane.segment() : lane.segment() + 1, 1);
  }

  /** Coordinate along the street where a lane ends. */
  double end(Lane lane) {
    return edge(lane, lane.endJunction(), -1);
  }

  /** Metres, in the plan. */
  public double length(Lane lane) {
    return Math.abs(end(lane) - begin(lane));
  }

  private double edge(Lane lane, int junction, int side) {
    Street cross = town.crossStreets(lane.street()).get(junction);
    return cross.centre() + side * lane.direction() * (cross.half() + Street.JUNCTION_MARGIN);
  }

  /**
   * A route that starts on a lane and takes random turns.
   *
   * @param along where to start: metres from the lane's beginning
   * @param length metres that the route must have after the start
   */
  public Route route(Lane start, double along, double length, SplittableRandom random) {
    Lane lane = start;
    Street street = lane.street();
    Route.Builder builder =
        new Route.Builder(
            town.frame(), street.u(begin(lane), lane.left()), street.v(begin(lane), lane.left()));
    while (true) {
      street = lane.street();
      builder.lineTo(street.u(end(lane), lane.left()), street.v(end(lane), lane.left()));
      if (builder.length() > along + length) {
        return builder.build(along);
      }
      Lane next = next(lane, random);
      turn(builder, lane, next);
      lane = next;
    }
  }

  private void turn(Route.Builder builder, Lane from, Lane to) {
    double enter = builder.length();
    double endU = to.street().u(begin(to), to.left());
    double endV = to.street().v(begin(to), to.left());
    if (from.heading() == to.heading()) {
      builder.lineTo(endU, endV);
    } else {
      Street level = from.street().alongU() ? from.street() : to.street();
      Street upright = from.street().alongU() ? to.street() : from.street();
      double levelLeft = from.street().alongU() ? from.left() : to.left();
      double uprightLeft = from.street().alongU() ? to.left() : from.left();
      builder.curveTo(upright.centre() - uprightLeft, level.centre() + levelLeft, endU, endV);
    }
    int junction = junctionNumber(from);
    int arm = HEADINGS * from.number() + from.heading();
    builder.markCrossover(junction, arm, from.heading() != to.heading(), enter);
  }

  private int junctionNumber(Lane from) {
    int i = from.street().alongU() ? from.endJunction() : from.street().index();
    int j = from.street().alongU() ? from.street().index() : from.endJunction();
    return junctionNumber(i, j);
  }

  /** The number of the junction of the i-th street along v and the j-th along u. */
  int junctionNumber(int i, int j) {
    return i * (town.blocks() + 1) + j;
  }

  private Lane next(Lane lane, SplittableRandom random) {
    int heading = lane.heading();
    int left = (heading + 1) % HEADINGS;
    int right = (heading + 3) % HEADINGS;
    boolean cycle = lane.number() == CYCLE_LANE;
    List<Lane> choices = new ArrayList<>();
    addIfThere(choices, lane, heading, lane.number());
    if (cycle || lane.number() == lane.street().lanes() - 1) {
      addIfThere(choices, lane, right, cycle ? CYCLE_LANE : Integer.MAX_VALUE);
    }
    if (!cycle && lane.number() == 0) {
      addIfThere(choices, lane, left, 0);
    }
    if (choices.isEmpty()) {
      addIfThere(choices, lane, left, lane.number());
      addIfThere(choices, lane, right, lane.number());
    }
    return choices.get(random.nextInt(choices.size()));
  }

  private void addIfThere(List<Lane> choices, Lane from, int heading, int number) {
    int i = junctionNumber(from) / (town.blocks() + 1);
    int j = junctionNumber(from) % (town.blocks() + 1);
    int toI = i + STEP_U[heading];
    int toJ = j + STEP_V[heading];
    if (toI < 0 || toJ < 0 || toI > town.blocks() || toJ > town.blocks()) {
      return;
    }
    boolean alongU = STEP_U[heading] != 0;
    Street street = town.streets(alongU).get(alongU ? j : i);
    int direction = STEP_U[heading] + STEP_V[heading];
    int at = alongU ? i : j;
    int lane = number == CYCLE_LANE ? CYCLE_LANE : Math.min(number, street.lanes() - 1);
    choices.add(new Lane(street, direction > 0 ? at : at - 1, direction, lane));
  }
}
