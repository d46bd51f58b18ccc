package dev.bevel.nuscenes.simulator;

/** Hears how far a simulation is. */
@FunctionalInterface
public interface ProgressListener {
  /**
   * Called by the thread that runs the simulation, after each key frame.
   *
   * @param done key frames recorded
   * @param total key frames there will be
   */
  void progress(int done, int total);
}
