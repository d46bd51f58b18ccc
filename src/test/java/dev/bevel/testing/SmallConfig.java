package dev.bevel.testing;

import java.util.Locale;

/** The configuration of a BEVDepth so small that a step takes a fraction of a second. */
public final class SmallConfig {
  private SmallConfig() {}

  /**
   * The YAML document.
   *
   * @param batch samples per step
   * @param augmentation {@code none} or {@code bevdepth}
   */
  public static String yaml(int batch, String augmentation) {
    return String.format(
        Locale.ROOT,
        """
      name: small
      family: bevdepth
      frame: ego
      image:
        height: 64
        width: 192
        stride: 16
        normalization: {channels: rgb, mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375]}
      backbone: {depth: 18}
      neck: {channels: 64}
      view:
        depth: [1, 60, 2]
        context: 16
        depth_net: {width: 32, aspp_dropout: 0.1}
      grid: {x: [-51.2, 51.2, 1.6], y: [-51.2, 51.2, 1.6], z: [-5, 3, 8]}
      bev_encoder: {channels: [16, 32, 64], out: 16}
      head:
        tasks:
          - [car]
          - [truck, construction_vehicle]
          - [bus, trailer]
          - [barrier]
          - [motorcycle, bicycle]
          - [pedestrian, traffic_cone]
        circle_nms: {thresholds: [4, 12, 10, 1, 0.85, 0.175], keep: 83}
        shared_channels: 16
        branch_channels: 16
      training:
        batch: %d
        image_augmentation: %s
        mismatched_images: 0
        learning_rate: 0.002
        weight_decay: 0.01
        clip: 35
        schedule: {kind: constant}
        loss: {heatmap: 1, box: 0.25, depth: 3, code: [1, 1, 1, 1, 1, 1, 1, 1, 0.2, 0.2]}
        average: {limit: 0.9, ramp: 10, start: 0}
      """,
        batch,
        augmentation);
  }
}
