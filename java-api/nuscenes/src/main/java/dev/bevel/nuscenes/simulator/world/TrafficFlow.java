package dev.bevel.nuscenes.simulator.world;

import dev.bevel.nuscenes.simulator.town.Crossover;
import dev.bevel.nuscenes.simulator.town.Journey;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Lets everybody move. A junction belongs to those whose ways through it do not cross; nobody
 * enters before there is room on the other side. Who has waited long is not passed over any more.
 */
final class TrafficFlow {
  /** Steps after which one who waits has precedence over all who came later. */
  private static final int PATIENCE = 60;

  private TrafficFlow() {}

  /**
   * Simulates.
   *
   * @param movers in a fixed order
   * @param steps of {@link Journey#STEP} seconds
   */
  static void run(List<Mover> movers, int steps) {
    List<Mover> onTheRoad = movers.stream().filter(m -> m.kind != Mover.Kind.WALKER).toList();
    List<Mover> walkers = movers.stream().filter(m -> m.kind == Mover.Kind.WALKER).toList();
    for (int step = 0; step < steps; step++) {
      onTheRoad.forEach(mover -> mover.look(onTheRoad));
      walkers.forEach(mover -> mover.look(walkers));
      grant(movers, step);
      movers.forEach(Mover::move);
    }
  }

  private record Request(Mover mover, Crossover crossover) {}

  private static void grant(List<Mover> movers, int step) {
    List<Request> holders = new ArrayList<>();
    List<Request> waiting = new ArrayList<>();
    for (Mover mover : movers) {
      Crossover held = mover.held();
      Crossover wanted = mover.wanted(step);
      if (held != null) {
        holders.add(new Request(mover, held));
      } else if (wanted != null) {
        waiting.add(new Request(mover, wanted));
      }
    }
    waiting.sort(
        Comparator.<Request>comparingInt(r -> r.mover().waitingSince())
            .thenComparingInt(r -> r.mover().number));
    for (Request request : waiting) {
      if (holders.stream().noneMatch(other -> conflict(request, other))) {
        request.mover().grant();
        holders.add(request);
      } else if (step - request.mover().waitingSince() > PATIENCE) {
        holders.add(request);
      }
    }
  }

  private static boolean conflict(Request a, Request b) {
    double clearance = a.mover().halfSpace(a.crossover()) + b.mover().halfSpace(b.crossover());
    return a.crossover().conflicts(b.crossover(), clearance);
  }
}
