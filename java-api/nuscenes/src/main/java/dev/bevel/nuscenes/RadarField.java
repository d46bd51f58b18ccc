package dev.bevel.nuscenes;

/**
 * The numbers that a nuScenes radar file holds for each return, in the file's order; the ordinal is
 * the column in {@link RadarPoints}.
 */
public enum RadarField {
  /** Metres, forward of the radar. */
  X("x"),
  /** Metres, to the left. */
  Y("y"),
  /** Metres, up; 0 in the data set, whose radars measure no elevation. */
  Z("z"),
  /**
   * How the object moves: 0 moving, 1 stationary, 2 oncoming, 3 stationary candidate, 4 unknown, 5
   * crossing stationary, 6 crossing moving, 7 stopped.
   */
  DYN_PROP("dyn_prop"),
  /** Number of the cluster within its sweep. */
  ID("id"),
  /** Radar cross section in dBm². */
  RCS("rcs"),
  /** Velocity along x in m/s, relative to the car. */
  VX("vx"),
  /** Velocity along y in m/s, relative to the car. */
  VY("vy"),
  /** Velocity along x in m/s with the car's own motion taken out. */
  VX_COMP("vx_comp"),
  /** Velocity along y in m/s with the car's own motion taken out. */
  VY_COMP("vy_comp"),
  /** Quality flag. */
  IS_QUALITY_VALID("is_quality_valid"),
  /** Ambiguity of the Doppler velocity: 0 invalid, 1 ambiguous, 2 staggered, 3 unambiguous. */
  AMBIG_STATE("ambig_state"),
  /** Class of the standard deviation of x. */
  X_RMS("x_rms"),
  /** Class of the standard deviation of y. */
  Y_RMS("y_rms"),
  /** Validity of the cluster: 0 valid, else the reason why it is not or may not be. */
  INVALID_STATE("invalid_state"),
  /** Class of the probability that the cluster is a false alarm. */
  PDH0("pdh0"),
  /** Class of the standard deviation of vx. */
  VX_RMS("vx_rms"),
  /** Class of the standard deviation of vy. */
  VY_RMS("vy_rms");

  /** Numbers per return. */
  public static final int COUNT = values().length;

  private final String pcdName;

  RadarField(String pcdName) {
    this.pcdName = pcdName;
  }

  /** The field's name in the file's header. */
  public String pcdName() {
    return pcdName;
  }
}
