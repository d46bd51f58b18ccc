package dev.bevel.torch.model;

import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.NamedModules;
import dev.bevel.torch.nn.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * BEVDepth with one key frame (Li et al., AAAI 2023; Megvii-BaseDetection/BEVDepth). Names as
 * there: {@code model.backbone.{img_backbone, img_neck, depth_net}}, {@code model.head.{trunk,
 * neck, shared_conv, task_heads}}.
 */
final class BevDepth extends Detector {
  /** Strides of the backbone's stages. */
  private static final List<Integer> IMAGE_STRIDES = List.of(4, 8, 16, 32);

  private static final List<Double> BEV_SCALES = List.of(1.0, 2.0, 4.0, 8.0);

  private final ResNet backbone;
  private final SecondFpn neck;
  private final DepthNet depthNet;
  private final LiftView view;
  private final ResNet trunk;
  private final SecondFpn bevNeck;
  private final CenterHeadNetwork head;

  BevDepth(DetectorConfig config, ViewPooling pooling, Initializer init) {
    super(config);
    DetectorConfig.Lift lift = config.lift();
    FrustumSpec spec = FrustumSpec.of(config);
    NamedModules model = child("model", new NamedModules());

    NamedModules camera = model.add("backbone", GridConstants.bevDepth(spec));
    backbone =
        camera.add("img_backbone", new ResNet(ResNet.Settings.image(config.backbone()), init));
    long level = config.neckChannels() / IMAGE_STRIDES.size();
    neck =
        camera.add(
            "img_neck",
            new SecondFpn(backbone.settings().stageChannels(), level, imageScales(config), init));
    depthNet =
        camera.add(
            "depth_net",
            new DepthNet(
                config.neckChannels(),
                lift.depthNetWidth(),
                lift.context(),
                lift.bins(),
                lift.asppDropout(),
                init));
    view = own(new LiftView(spec, pooling));

    long bevChannels = (long) lift.context() * spec.grid().z().cells();
    long base = config.encoder().channels().get(0);
    NamedModules bev = new NamedModules();
    trunk = bev.add("trunk", new ResNet(ResNet.Settings.bevTrunk(bevChannels, base), init));
    List<Long> levels = new ArrayList<>(List.of(bevChannels));
    levels.addAll(trunk.settings().stageChannels());
    bevNeck = bev.add("neck", new SecondFpn(levels, config.encoder().out(), BEV_SCALES, init));
    head =
        new CenterHeadNetwork(
            (long) config.encoder().out() * BEV_SCALES.size(),
            config.head().sharedChannels(),
            config.head().branchChannels(),
            config.head().classCounts(),
            init);
    head.children().forEach(bev::add);
    model.add("head", bev);
  }

  private static List<Double> imageScales(DetectorConfig config) {
    return IMAGE_STRIDES.stream().map(s -> (double) s / config.image().stride()).toList();
  }

  @Override
  protected DetectorOutput run(Tensor images, Calibration calibration, Taps taps) {
    List<Tensor> stages = backbone.forward(images);
    for (int s = 0; s < stages.size(); s++) {
      taps.accept("img_backbone.stage" + (s + 1), stages.get(s));
    }
    Tensor features = neck.forward(stages);
    taps.accept("img_neck", features);

    Tensor vectors =
        Tensors.of(calibration.cameraVectors(), features.size(0), DepthNet.CAMERA_VECTOR)
            .to(features.device(), features.scalar_type());
    LiftView.Lifted lifted =
        view.lift(depthNet.forward(features, vectors, taps), calibration, taps);

    List<Tensor> levels = new ArrayList<>(List.of(lifted.bev()));
    levels.addAll(trunk.forward(lifted.bev()));
    for (int s = 1; s < levels.size(); s++) {
      taps.accept("bev_backbone.stage" + s, levels.get(s));
    }
    Tensor bev = bevNeck.forward(levels);
    taps.accept("bev_neck", bev);
    return lifted.with(head.forward(bev, taps));
  }
}
