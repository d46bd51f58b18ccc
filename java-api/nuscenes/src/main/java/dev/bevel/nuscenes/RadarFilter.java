package dev.bevel.nuscenes;

import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Which radar returns to keep: those whose three states are all among the given ones.
 *
 * @param invalidStates kept values of {@link RadarField#INVALID_STATE}
 * @param dynProps kept values of {@link RadarField#DYN_PROP}
 * @param ambigStates kept values of {@link RadarField#AMBIG_STATE}
 */
public record RadarFilter(
    Set<Integer> invalidStates, Set<Integer> dynProps, Set<Integer> ambigStates) {
  /**
   * What the nuScenes devkit keeps unless told otherwise: valid clusters (0) of any motion but
   * stopped (0 to 6) with unambiguous velocity (3).
   */
  public static final RadarFilter DEVKIT = new RadarFilter(Set.of(0), range(7), Set.of(3));

  /** Copies. */
  public RadarFilter {
    invalidStates = Set.copyOf(invalidStates);
    dynProps = Set.copyOf(dynProps);
    ambigStates = Set.copyOf(ambigStates);
  }

  private static Set<Integer> range(int end) {
    return IntStream.range(0, end).boxed().collect(Collectors.toUnmodifiableSet());
  }

  boolean keeps(RadarPoints points, int i) {
    return invalidStates.contains((int) points.get(i, RadarField.INVALID_STATE))
        && dynProps.contains((int) points.get(i, RadarField.DYN_PROP))
        && ambigStates.contains((int) points.get(i, RadarField.AMBIG_STATE));
  }
}
