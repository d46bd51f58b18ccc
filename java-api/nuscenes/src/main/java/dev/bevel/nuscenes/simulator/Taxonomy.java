package dev.bevel.nuscenes.simulator;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The names that are the same in every nuScenes data set, with descriptions of our own. */
final class Taxonomy {
  /** The 23 categories. */
  static final Map<String, String> CATEGORIES = new LinkedHashMap<>();

  /** The eight attributes. */
  static final Map<String, String> ATTRIBUTES = new LinkedHashMap<>();

  /** The visibility levels 1 to 4. */
  static final List<String> VISIBILITIES = List.of("v0-40", "v40-60", "v60-80", "v80-100");

  static {
    CATEGORIES.put("human.pedestrian.adult", "A grown-up on foot.");
    CATEGORIES.put("human.pedestrian.child", "A child on foot.");
    CATEGORIES.put("human.pedestrian.wheelchair", "A person in a wheelchair.");
    CATEGORIES.put("human.pedestrian.stroller", "A pram, with the child in it.");
    CATEGORIES.put(
        "human.pedestrian.personal_mobility", "A person on a skateboard, scooter or the like.");
    CATEGORIES.put("human.pedestrian.police_officer", "A police officer.");
    CATEGORIES.put("human.pedestrian.construction_worker", "A person at work on a site.");
    CATEGORIES.put("animal", "An animal.");
    CATEGORIES.put("vehicle.car", "A passenger car of any make.");
    CATEGORIES.put("vehicle.motorcycle", "A motor-driven two-wheeler, with its rider.");
    CATEGORIES.put("vehicle.bicycle", "A bicycle, with its rider.");
    CATEGORIES.put("vehicle.bus.bendy", "One section of an articulated bus.");
    CATEGORIES.put("vehicle.bus.rigid", "A bus in one piece.");
    CATEGORIES.put("vehicle.truck", "A vehicle that carries goods.");
    CATEGORIES.put("vehicle.construction", "A machine such as an excavator.");
    CATEGORIES.put("vehicle.emergency.ambulance", "An ambulance.");
    CATEGORIES.put("vehicle.emergency.police", "A police vehicle.");
    CATEGORIES.put("vehicle.trailer", "A trailer, towed or parked.");
    CATEGORIES.put("movable_object.barrier", "A barrier that keeps traffic off.");
    CATEGORIES.put("movable_object.trafficcone", "A traffic cone.");
    CATEGORIES.put("movable_object.pushable_pullable", "A thing that people push or pull.");
    CATEGORIES.put("movable_object.debris", "A thing left on the road.");
    CATEGORIES.put("static_object.bicycle_rack", "A stand for bicycles, with all in it.");
    ATTRIBUTES.put("vehicle.moving", "It moves.");
    ATTRIBUTES.put("vehicle.stopped", "It stands, with a driver who means to go on.");
    ATTRIBUTES.put("vehicle.parked", "It stands, and nobody means to move it.");
    ATTRIBUTES.put("cycle.with_rider", "Somebody sits on it.");
    ATTRIBUTES.put("cycle.without_rider", "Nobody sits on it.");
    ATTRIBUTES.put("pedestrian.sitting_lying_down", "The person sits or lies.");
    ATTRIBUTES.put("pedestrian.standing", "The person stands.");
    ATTRIBUTES.put("pedestrian.moving", "The person walks.");
  }

  private Taxonomy() {}

  /** What a visibility level says. */
  static String visibilityDescription(String level) {
    return "Cameras see " + level.substring(1).replace("-", " to ") + " percent of the object.";
  }
}
