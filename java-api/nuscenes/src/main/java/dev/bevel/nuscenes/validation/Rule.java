package dev.bevel.nuscenes.validation;

import java.util.Locale;

/** What kind of promise a {@link Finding} says is broken. */
public enum Rule {
  /** A table is there, is JSON, and is an array of records. */
  TABLE,
  /** A field is there and its value has the type and range of the schema. */
  FIELD,
  /** A token or name occurs once. */
  UNIQUE,
  /** A token leads to a record of the right table. */
  REFERENCE,
  /** {@code prev} and {@code next} chain the records of one scene, sensor or instance in time. */
  CHAIN,
  /** Ends and lengths of chains are those that scenes and instances state. */
  CHAIN_END,
  /** Each key frame has one file a channel, at its time; sweeps belong to the key frame after. */
  KEY_FRAME,
  /** Records that belong together agree: a channel and its file, a category and its attributes. */
  AGREEMENT,
  /** Sensors stand and look as their channels say. */
  MOUNTING,
  /** What stands out in the pictures is where boxes are projected to. */
  PROJECTION,
  /** Poses and objects move as vehicles and people can. */
  MOTION,
  /** A file is there and is what its record says. */
  FILE,
  /** Points inside a box, counted again, are as many as stated. */
  POINT_COUNT,
  /** Visibility is possible for what the cameras see. */
  VISIBILITY,
  /** Splits name scenes of the set. */
  SPLIT;

  /** The rule's name in lower case with hyphens, e.g. {@code chain-end}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
