package dev.bevel.cli;

import dev.bevel.nuscenes.simulator.SimulationSettings;
import dev.bevel.nuscenes.simulator.TrafficDensity;

/**
 * How much {@code bevel demo} does.
 *
 * @param scenes simulated, each in a town of its own; a quarter of them is kept for the evaluation
 * @param seconds of each scene
 * @param config name of the configuration, or its file
 * @param steps of the training
 */
record DemoSettings(int scenes, int seconds, String config, int steps) {
  /** Pixels of the simulated images: the network's width, half as much again. */
  private static final int IMAGE_WIDTH = 384;

  private static final int IMAGE_HEIGHT = 216;

  /** What takes minutes. */
  static final DemoSettings DEFAULT = new DemoSettings(40, 4, "bevdepth-demo", 1000);

  /** What to simulate: streets full of cars, since cars are to be found; key frames only. */
  SimulationSettings simulation(long seed) {
    return SimulationSettings.of(scenes, seconds, seed)
        .withImageSize(IMAGE_WIDTH, IMAGE_HEIGHT)
        .withTraffic(TrafficDensity.DENSE)
        .withSweeps(0, 0);
  }
}
