package dev.bevel.nuscenes.simulator.town;

import dev.bevel.nuscenes.simulator.scene.GroundKind;
import java.util.ArrayList;
import java.util.List;

/**
 * A block's car park: rows along u of slots that stand across, two rows back to back, with aisles
 * between the pairs.
 */
public final class CarPark {
  static final double SLOT_WIDTH = 2.7;
  private static final double SLOT_LENGTH = 5.3;
  private static final double AISLE = 6.5;

  /** From the kerb to the asphalt: sidewalk and a hedge's width. */
  private static final double INSET = Street.SIDEWALK + 1.5;

  private static final double PERIOD = 2 * SLOT_LENGTH + AISLE;

  private CarPark() {}

  /** A place for a car, in the plan; cars stand along v. */
  public record Slot(double u, double v) {}

  /** All slots of a block. */
  public static List<Slot> slots(Town town, int i, int j) {
    double[] b = town.blockBounds(i, j);
    List<Slot> slots = new ArrayList<>();
    for (double v = b[1] + INSET + AISLE; v + 2 * SLOT_LENGTH < b[3] - INSET; v += PERIOD) {
      for (double u = b[0] + INSET + AISLE + SLOT_WIDTH / 2;
          u + SLOT_WIDTH / 2 < b[2] - INSET - AISLE;
          u += SLOT_WIDTH) {
        slots.add(new Slot(u, v + SLOT_LENGTH / 2));
        slots.add(new Slot(u, v + 1.5 * SLOT_LENGTH));
      }
    }
    return slots;
  }

  /**
   * The ground of a car park's block.
   *
   * @param edge metres from the nearest kerb
   */
  static GroundKind ground(Town town, double u, double v, double edge) {
    if (edge < INSET) {
      return GroundKind.GRASS;
    }
    double[] b =
        town.blockBounds(
            town.blockIndex(u, town.streets(false)), town.blockIndex(v, town.streets(true)));
    double across = v - b[1] - INSET - AISLE;
    double along = u - b[0] - INSET - AISLE;
    double inPair = across - PERIOD * Math.floor(across / PERIOD);
    boolean slots =
        across > 0
            && inPair < 2 * SLOT_LENGTH
            && v - inPair + 2 * SLOT_LENGTH < b[3] - INSET
            && along > 0
            && u < b[2] - INSET - AISLE;
    double slot = along / SLOT_WIDTH;
    boolean line =
        slots && (Math.abs(slot - Math.rint(slot)) < 0.02 || Math.abs(inPair - SLOT_LENGTH) < 0.06);
    return line ? GroundKind.WHITE_PAINT : GroundKind.CAR_PARK;
  }
}
