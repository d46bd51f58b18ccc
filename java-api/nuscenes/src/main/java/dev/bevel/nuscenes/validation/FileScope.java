package dev.bevel.nuscenes.validation;

/** Which sensor files are looked into. */
public enum FileScope {
  /** All: key frames and sweeps. */
  ALL,
  /** Those of key frames, with which points are counted; sweeps are most of a data set's bytes. */
  KEY_FRAMES,
  /** None but the maps. */
  MAPS
}
