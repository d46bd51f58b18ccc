package dev.bevel.torch.parity;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Names that a fixture may give the intermediate tensors of BEVDepth beside Bevel's own: those of
 * the parts in upstream's code. A name tells only which tensors to compare.
 */
final class BevDepthTapNames {
  /** Our name by the other one. */
  static final Map<String, String> ALL = make();

  private static final String NET = "depth_net.";

  private BevDepthTapNames() {}

  private static Map<String, String> make() {
    Map<String, String> names = new LinkedHashMap<>();
    for (String prefix :
        List.of(
            NET,
            "view.depth_net.",
            "view.depthnet.",
            "depthnet.",
            "view.",
            "backbone.depth_net.")) {
      put(names, NET + "camera_vector", prefix, "camera_vector", "camera_vectors", "mlp_input");
      put(names, NET + "bn", prefix, "bn", "camera_vector_bn", "mlp_input_bn", "camera_norm");
      put(names, NET + "reduce_conv", prefix, "reduce_conv", "reduce", "reduced");
      for (String branch : List.of("context", "depth")) {
        put(names, NET + branch + "_mlp", prefix, branch + "_mlp");
        put(names, NET + branch + "_se", prefix, branch + "_se", branch + "_after_se");
      }
      put(names, NET + "context_conv", prefix, "context_conv", "context");
      put(names, NET + "depth_conv.2", prefix, "depth_conv.2", "depth_blocks", "blocks");
      put(names, NET + "depth_conv.3", prefix, "depth_conv.3", "aspp");
      put(names, NET + "depth_conv.4", prefix, "depth_conv.4", "dcn", "depth_dcn");
      put(
          names,
          NET + "depth_conv.4.conv_offset",
          prefix,
          "depth_conv.4.conv_offset",
          "conv_offset",
          "offset",
          "offsets",
          "dcn_offset",
          "dcn_offsets",
          "dcn.conv_offset");
      put(names, NET + "depth_conv.5", prefix, "depth_conv.5", "depth_conv", "depth_logits");
      put(names, "view.logits_and_context", prefix, "out", "output", "logits_and_context");
    }
    names.put("depth_net", "view.logits_and_context");
    names.put("view.depth_net", "view.logits_and_context");
    names.put("view.geometry", "view.geometry_xyz");
    names.put("view.depth", "view.depth_softmax");
    for (int stage = 1; stage <= 3; stage++) {
      String ours = "bev_backbone.stage" + stage;
      for (String trunk : List.of("trunk.", "head.trunk.", "head.trunk_", "bev_trunk.")) {
        names.put(trunk + "stage" + stage, ours);
        names.put(trunk + "layer" + stage, ours);
      }
    }
    for (String neck : List.of("head.neck", "neck", "head.bev_neck")) {
      names.put(neck, "bev_neck");
    }
    return Map.copyOf(names);
  }

  private static void put(Map<String, String> names, String ours, String prefix, String... others) {
    for (String other : others) {
      if (!ours.equals(prefix + other)) {
        names.put(prefix + other, ours);
      }
    }
  }
}
