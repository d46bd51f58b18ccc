package dev.bevel.torch.model;

import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.ConvModule;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.ModuleList;
import dev.bevel.torch.nn.NamedModules;
import dev.bevel.torch.nn.Scopes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;

/**
 * The network of CenterPoint's head (Yin et al., CVPR 2021; mmdetection3d's {@code CenterHead}): a
 * shared 3×3 convolution, then for each task six branches of two 3×3 convolutions. Names {@code
 * shared_conv.{conv,bn}}, {@code task_heads.{t}.{branch}.0.{conv,bn}}, {@code
 * task_heads.{t}.{branch}.1}.
 */
public final class CenterHeadNetwork extends Module {
  /** Bias of the heatmap's last convolution: sigmoid(−2.19) ≈ 0.1. */
  public static final double HEATMAP_BIAS = -2.19;

  /**
   * The regression branches in upstream's order, with their numbers of channels; the heatmap comes
   * last.
   */
  private static final List<Map.Entry<String, Integer>> REGRESSION =
      List.of(
          Map.entry("reg", 2),
          Map.entry("height", 1),
          Map.entry("dim", 3),
          Map.entry("rot", 2),
          Map.entry("vel", 2));

  /** Name of the classification branch. */
  public static final String HEATMAP = "heatmap";

  private static final class Branch extends Module {
    private final ConvModule hidden;
    private final Conv2d output;

    Branch(long in, long width, long out, Initializer init) {
      hidden = child("0", new ConvModule(Conv2d.Shape.same(in, width, 3), init));
      output =
          child(
              "1",
              // Not He's fan-out: with one to three outputs it starts with logits of ±6.
              new Conv2d(Conv2d.Shape.same(width, out, 3).withBias(), init));
    }

    Tensor forward(Tensor x) {
      return Scopes.tidy(() -> output.forward(hidden.forward(x)));
    }
  }

  private final ConvModule shared;
  private final List<Map<String, Branch>> tasks = new ArrayList<>();

  /**
   * A head.
   *
   * @param in channels of the BEV map
   * @param sharedWidth channels after the shared convolution
   * @param branchWidth channels between the two convolutions of a branch
   * @param classes number of classes of each task
   */
  public CenterHeadNetwork(
      long in, long sharedWidth, long branchWidth, List<Integer> classes, Initializer init) {
    shared = child("shared_conv", new ConvModule(Conv2d.Shape.same(in, sharedWidth, 3), init));
    ModuleList<NamedModules> heads = child("task_heads", new ModuleList<>());
    for (int count : classes) {
      NamedModules head = heads.add(new NamedModules());
      Map<String, Branch> branches = new LinkedHashMap<>();
      REGRESSION.forEach(
          branch ->
              branches.put(
                  branch.getKey(),
                  head.add(
                      branch.getKey(),
                      new Branch(sharedWidth, branchWidth, branch.getValue(), init))));
      Branch heatmap = head.add(HEATMAP, new Branch(sharedWidth, branchWidth, count, init));
      Initializer.fill(Objects.requireNonNull(heatmap.output.bias()), HEATMAP_BIAS);
      branches.put(HEATMAP, heatmap);
      tasks.add(branches);
    }
  }

  /**
   * For each task its raw maps by name, [B, C, Y, X]: {@code reg} (2: offset in the cell), {@code
   * height} (1), {@code dim} (3, logarithms), {@code rot} (2: sin, cos), {@code vel} (2), {@code
   * heatmap} (a logit for each class).
   *
   * @param bev [B, in, Y, X]
   * @param taps told {@code head.shared} and {@code head.task{t}.{branch}}
   */
  public List<Map<String, Tensor>> forward(Tensor bev, Taps taps) {
    given("bev", bev);
    return call(() -> maps(bev, taps));
  }

  private List<Map<String, Tensor>> maps(Tensor bev, Taps taps) {
    Tensor x = shared.forward(bev);
    taps.accept("head.shared", x);
    List<Map<String, Tensor>> outputs = new ArrayList<>();
    for (int t = 0; t < tasks.size(); t++) {
      String prefix = "head.task" + t + ".";
      Map<String, Tensor> maps = new LinkedHashMap<>();
      tasks
          .get(t)
          .forEach(
              (name, branch) -> {
                Tensor map = branch.forward(x);
                taps.accept(prefix + name, map);
                maps.put(name, map);
              });
      outputs.add(maps);
    }
    return outputs;
  }
}
