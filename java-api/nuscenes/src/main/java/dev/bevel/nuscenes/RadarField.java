package dev.bevel.nuscenes;

import java.util.List;

/**
 * The numbers that a nuScenes radar file holds for each return, in the file's order; {@link
 * #column} says where in {@link RadarPoints}.
 */
public enum RadarField {
  /** Metres, forward of the radar. */
  X(0, "x"),
  /** Metres, to the left. */
  Y(1, "y"),
  /** Metres, up; 0 in the data set, whose radars measure no elevation. */
  Z(2, "z"),
  /**
   * How the object moves: 0 moving, 1 stationary, 2 oncoming, 3 stationary candidate, 4 unknown, 5
   * crossing stationary, 6 crossing moving, 7 stopped.
   */
  DYN_PROP(3, "dyn_prop"),
  /** Number of the cluster within its sweep. */
  ID(4, "id"),
  /** Radar cross section in dBm². */
  RCS(5, "rcs"),
  /** Velocity along x in m/s, relative to the car. */
  VX(6, "vx"),
  /** Velocity along y in m/s, relative to the car. */
  VY(7, "vy"),
  /** Velocity along x in m/s with the car's own motion taken out. */
  VX_COMP(8, "vx_comp"),
  /** Velocity along y in m/s with the car's own motion taken out. */
  VY_COMP(9, "vy_comp"),
  /** Quality flag. */
  IS_QUALITY_VALID(10, "is_quality_valid"),
  /** Ambiguity of the Doppler velocity: 0 invalid, 1 ambiguous, 2 staggered, 3 unambiguous. */
  AMBIG_STATE(11, "ambig_state"),
  /** Class of the standard deviation of x. */
  X_RMS(12, "x_rms"),
  /** Class of the standard deviation of y. */
  Y_RMS(13, "y_rms"),
  /** Validity of the cluster: 0 valid, else the reason why it is not or may not be. */
  INVALID_STATE(14, "invalid_state"),
  /** Class of the probability that the cluster is a false alarm. */
  PDH0(15, "pdh0"),
  /** Class of the standard deviation of vx. */
  VX_RMS(16, "vx_rms"),
  /** Class of the standard deviation of vy. */
  VY_RMS(17, "vy_rms");

  /** Numbers per return. */
  public static final int COUNT = values().length;

  private static final List<RadarField> IN_FILE_ORDER = List.of(values());

  private final int column;
  private final String pcdName;

  RadarField(int column, String pcdName) {
    this.column = column;
    this.pcdName = pcdName;
  }

  /** Position among the numbers of a return, from 0. */
  public int column() {
    return column;
  }

  static RadarField ofColumn(int column) {
    return IN_FILE_ORDER.get(column);
  }

  /** The field's name in the file's header. */
  public String pcdName() {
    return pcdName;
  }
}
