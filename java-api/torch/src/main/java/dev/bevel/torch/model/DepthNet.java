package dev.bevel.torch.model;

import dev.bevel.torch.nn.BatchNorm;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.ConvNorm;
import dev.bevel.torch.nn.DeformConv2d;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Initializer.Weights;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.NamedModules;
import dev.bevel.torch.nn.Ops;
import dev.bevel.torch.nn.Scopes;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The camera-aware depth network of BEVDepth (Li et al., AAAI 2023): depth logits and context from
 * image features, both gated by what the camera's calibration says. Names as in BEVDepth's
 * repository: {@code reduce_conv.{0,1}, context_conv, bn, depth_mlp.fc{1,2},
 * depth_se.conv_{reduce,expand}, context_mlp, context_se, depth_conv.{0..5}}, of which {@code
 * depth_conv.4} is a deformable convolution with four groups.
 */
public final class DepthNet extends Module {
  /** Length of the camera vector, {@link Calibration#cameraVectors()}. */
  public static final int CAMERA_VECTOR = 27;

  /** Groups of the deformable convolution; the width is a multiple of it. */
  static final int DCN_GROUPS = 4;

  private static final String OFFSETS = "depth_conv.4.conv_offset";

  private static final class Mlp extends Module {
    private final Linear fc1;
    private final Linear fc2;

    Mlp(long width, Initializer init) {
      fc1 = child("fc1", new Linear(CAMERA_VECTOR, width, init));
      fc2 = child("fc2", new Linear(width, width, init));
    }

    Tensor forward(Tensor vectors) {
      return fc2.forward(Ops.relu(fc1.forward(vectors)));
    }
  }

  /**
   * Squeeze and excitation (Hu et al., CVPR 2018) by an outside vector in place of the pooled
   * features.
   */
  private static final class SeLayer extends Module {
    private final Conv2d reduce;
    private final Conv2d expand;

    SeLayer(long width, Initializer init) {
      Conv2d.Shape shape = Conv2d.Shape.same(width, width, 1).withBias();
      reduce = child("conv_reduce", new Conv2d(shape, init));
      expand = child("conv_expand", new Conv2d(shape, init));
    }

    Tensor forward(Tensor x, Tensor vector) {
      Tensor gate = expand.forward(reduce.forward(vector.view(vector.size(0), -1, 1, 1)).relu_());
      return x.mul(gate.sigmoid_());
    }
  }

  private final Conv2d reduceConv;
  private final BatchNorm reduceNorm;
  private final Conv2d contextConv;
  private final BatchNorm cameraNorm;
  private final Mlp depthMlp;
  private final SeLayer depthSe;
  private final Mlp contextMlp;
  private final SeLayer contextSe;
  private final List<ResidualBlock> blocks = new ArrayList<>();
  private final Aspp aspp;
  private final DeformConv2d dcn;
  private final Conv2d depthConv;

  /**
   * A depth network.
   *
   * @param in channels of the image features
   * @param width channels inside
   * @param context channels of the context
   * @param depthBins number of depth bins
   * @param asppDropout probability with which the spatial pyramid's output is dropped in training
   */
  public DepthNet(
      long in, long width, long context, long depthBins, double asppDropout, Initializer init) {
    NamedModules reduce = child("reduce_conv", new NamedModules());
    reduceConv = reduce.add("0", new Conv2d(Conv2d.Shape.same(in, width, 3).withBias(), init));
    reduceNorm = reduce.add("1", new BatchNorm(width));
    contextConv =
        child("context_conv", new Conv2d(Conv2d.Shape.same(width, context, 1).withBias(), init));
    cameraNorm = child("bn", new BatchNorm(CAMERA_VECTOR));
    depthMlp = child("depth_mlp", new Mlp(width, init));
    depthSe = child("depth_se", new SeLayer(width, init));
    contextMlp = child("context_mlp", new Mlp(width, init));
    contextSe = child("context_se", new SeLayer(width, init));
    NamedModules conv = child("depth_conv", new NamedModules());
    for (int i = 0; i < 3; i++) {
      blocks.add(conv.add(Integer.toString(i), ResidualBlock.basic(width, width, 1, init)));
    }
    aspp = conv.add("3", new Aspp(width, asppDropout, init));
    dcn =
        conv.add(
            "4",
            DeformConv2d.plain(Conv2d.Shape.same(width, width, 3).withGroups(DCN_GROUPS), 1, init));
    depthConv = conv.add("5", new Conv2d(Conv2d.Shape.same(width, depthBins, 1).withBias(), init));
  }

  /**
   * Depth logits and context, [B·N, depthBins + context, H, W] with the logits first.
   *
   * @param features [B·N, in, H, W]
   * @param cameraVectors [B·N, 27]
   * @param taps told the outputs of the parts as {@code depth_net.} and their names
   */
  public Tensor forward(Tensor features, Tensor cameraVectors, Taps taps) {
    given("features", features);
    given("cameraVectors", cameraVectors);
    return tidy(
        () -> {
          Tap tap = new Tap(taps);
          tap.on("camera_vector", cameraVectors);
          Tensor x = tap.on("reduce_conv", ConvNorm.applyRelu(reduceConv, reduceNorm, features));
          Tensor cameras = tap.on("bn", cameraNorm.forward(cameraVectors));
          Tensor gate = tap.on("context_mlp", contextMlp.forward(cameras));
          Tensor context = tap.on("context_se", contextSe.forward(x, gate));
          context = tap.on("context_conv", contextConv.forward(context));
          gate = tap.on("depth_mlp", depthMlp.forward(cameras));
          Tensor depth = tap.on("depth_se", depthSe.forward(x, gate));
          depth = tap.on("depth_conv.2", ResNet.runAll(blocks, depth));
          depth = tap.on("depth_conv.3", aspp.forward(depth));
          if (tap.wants(OFFSETS)) {
            tap.on(OFFSETS, dcn.predict(depth));
          }
          depth = tap.on("depth_conv.4", dcn.forward(depth));
          depth = tap.on("depth_conv.5", depthConv.forward(depth));
          return Ops.concatChannels(depth, context);
        });
  }

  private record Tap(Taps taps) {
    private static final String PREFIX = "depth_net.";

    boolean wants(String part) {
      return taps.wants(PREFIX + part);
    }

    Tensor on(String part, Tensor tensor) {
      taps.accept(PREFIX + part, tensor);
      return tensor;
    }
  }

  /**
   * Atrous spatial pyramid pooling (Chen et al., 2017): one 1×1 and three dilated 3×3 convolutions
   * beside the global mean.
   */
  private static final class Aspp extends Module {
    private static final int[] DILATIONS = {1, 6, 12, 18};

    private record Branch(Conv2d conv, BatchNorm norm) {}

    private final List<Branch> branches = new ArrayList<>();
    private final Branch pooled;
    private final Branch fused;
    private final double dropout;

    Aspp(long width, double dropout, Initializer init) {
      this.dropout = dropout;
      Weights weights = Weights.KAIMING_FAN_IN;
      for (int i = 0; i < DILATIONS.length; i++) {
        Conv2d.Shape shape =
            Conv2d.Shape.same(width, width, i == 0 ? 1 : 3).withDilation(DILATIONS[i]);
        NamedModules names = child("aspp" + (i + 1), new NamedModules());
        branches.add(
            new Branch(
                names.add("atrous_conv", new Conv2d(shape, init, weights)),
                names.add("bn", new BatchNorm(width))));
      }
      NamedModules pool = child("global_avg_pool", new NamedModules());
      pooled =
          new Branch(
              pool.add("1", new Conv2d(Conv2d.Shape.same(width, width, 1), init, weights)),
              pool.add("2", new BatchNorm(width)));
      long concatenated = (DILATIONS.length + 1) * width;
      fused =
          new Branch(
              child("conv1", new Conv2d(Conv2d.Shape.same(concatenated, width, 1), init, weights)),
              child("bn1", new BatchNorm(width)));
    }

    Tensor forward(Tensor x) {
      return Scopes.tidy(
          () -> {
            Tensor[] parts = new Tensor[branches.size() + 1];
            for (int i = 0; i < branches.size(); i++) {
              parts[i] = ConvNorm.applyRelu(branches.get(i).conv, branches.get(i).norm, x);
            }
            Tensor mean = ConvNorm.applyRelu(pooled.conv, pooled.norm, Ops.globalAverage(x));
            parts[branches.size()] = mean.expand_as(parts[0]);
            Tensor out = ConvNorm.applyRelu(fused.conv, fused.norm, Ops.concatChannels(parts));
            return dropout > 0 && isTraining() ? torch.dropout(out, dropout, true) : out;
          });
    }
  }
}
