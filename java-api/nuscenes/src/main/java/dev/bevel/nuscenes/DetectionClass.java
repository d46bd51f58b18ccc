package dev.bevel.nuscenes;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The ten classes of the nuScenes detection task, in the label order that the detectors of the
 * BEVDet, BEVDepth, BEVFormer and CenterPoint families share: {@link #label()}, 0..9. (The
 * evaluation lists them in another order.)
 */
public enum DetectionClass {
  CAR(0, "car", "vehicle.car"),
  TRUCK(1, "truck", "vehicle.truck"),
  CONSTRUCTION_VEHICLE(2, "construction_vehicle", "vehicle.construction"),
  BUS(3, "bus", "vehicle.bus.bendy", "vehicle.bus.rigid"),
  TRAILER(4, "trailer", "vehicle.trailer"),
  BARRIER(5, "barrier", "movable_object.barrier"),
  MOTORCYCLE(6, "motorcycle", "vehicle.motorcycle"),
  BICYCLE(7, "bicycle", "vehicle.bicycle"),
  PEDESTRIAN(
      8,
      "pedestrian",
      "human.pedestrian.adult",
      "human.pedestrian.child",
      "human.pedestrian.construction_worker",
      "human.pedestrian.police_officer"),
  TRAFFIC_CONE(9, "traffic_cone", "movable_object.trafficcone");

  /** Speed in m/s above which the export rule calls an object moving. */
  private static final double MOVING_SPEED = 0.2;

  private static final DetectionClass[] BY_LABEL = values();
  private static final Map<String, DetectionClass> BY_NAME = new HashMap<>();
  private static final Map<String, DetectionClass> BY_CATEGORY = new HashMap<>();

  static {
    for (DetectionClass c : BY_LABEL) {
      BY_NAME.put(c.detectionName, c);
      for (String category : c.categories) {
        BY_CATEGORY.put(category, c);
      }
    }
  }

  private final int label;
  private final String detectionName;

  @SuppressWarnings("ImmutableEnumChecker") // made by List.of
  private final List<String> categories;

  DetectionClass(int label, String detectionName, String... categories) {
    this.label = label;
    this.detectionName = detectionName;
    this.categories = List.of(categories);
  }

  /** The label a detector predicts, 0..9. */
  public int label() {
    return label;
  }

  /** The name in submissions and results, e.g. {@code traffic_cone}. */
  public String detectionName() {
    return detectionName;
  }

  /**
   * The class with a label.
   *
   * @throws NuScenesException if {@code label} is outside 0..9
   */
  public static DetectionClass ofLabel(int label) {
    if (label < 0 || label >= BY_LABEL.length) {
      throw new NuScenesException("detection label must be in 0..9, got " + label);
    }
    return BY_LABEL[label];
  }

  /**
   * The class with a detection name.
   *
   * @throws NuScenesException if {@code name} is none of the ten detection names
   */
  public static DetectionClass ofName(String name) {
    DetectionClass found = BY_NAME.get(name);
    if (found == null) {
      throw new NuScenesException(
          "unknown detection class '"
              + Printable.of(name, 80)
              + "', expected one of "
              + BY_NAME.keySet().stream().sorted().toList());
    }
    return found;
  }

  /**
   * The class of a nuScenes category such as {@code vehicle.bus.rigid}; empty for categories the
   * task ignores.
   */
  public static Optional<DetectionClass> ofCategory(String category) {
    return Optional.ofNullable(BY_CATEGORY.get(category));
  }

  /**
   * The attribute a detector without an attribute head submits, from the speed alone (the rule of
   * mmdetection3d, BEVDet and BEVFormer). A NaN speed counts as standing still.
   *
   * @param speed ‖(vx, vy)‖ in m/s in the global frame
   * @return one of the eight attribute names, or the empty string for barriers and cones
   */
  public String attributeForSpeed(double speed) {
    boolean moving = speed > MOVING_SPEED;
    return switch (this) {
      case CAR, TRUCK, CONSTRUCTION_VEHICLE, TRAILER ->
          moving ? "vehicle.moving" : "vehicle.parked";
      case BUS -> moving ? "vehicle.moving" : "vehicle.stopped";
      case MOTORCYCLE, BICYCLE -> moving ? "cycle.with_rider" : "cycle.without_rider";
      case PEDESTRIAN -> moving ? "pedestrian.moving" : "pedestrian.standing";
      case BARRIER, TRAFFIC_CONE -> "";
    };
  }
}
