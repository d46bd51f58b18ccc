package dev.bevel.torch.model;

import dev.bevel.torch.model.DetectorConfig.Family;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.NamedModules;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * BEVDet (Huang et al., arXiv 2112.11790), its first version (LiDAR frame, six tasks) and dev2 (ego
 * frame, one task). Names as in HuangJunJie2017/BEVDet: {@code img_backbone, img_neck,
 * img_view_transformer, img_bev_encoder_backbone, img_bev_encoder_neck, pts_bbox_head}.
 */
final class BevDet extends Detector {
  private final ResNet backbone;
  private final FpnForBevDet neck;
  private final Conv2d depthNet;
  private final LiftView view;
  private final BevResNet bevBackbone;
  private final FpnLss bevNeck;
  private final CenterHeadNetwork head;

  BevDet(DetectorConfig config, ViewPooling pooling, Initializer init) {
    super(config);
    DetectorConfig.Lift lift = config.lift();
    head =
        child(
            "pts_bbox_head",
            new CenterHeadNetwork(
                config.encoder().out(),
                config.head().sharedChannels(),
                config.head().branchChannels(),
                config.head().classCounts(),
                init));
    backbone = child("img_backbone", new ResNet(ResNet.Settings.image(config.backbone()), init));
    List<Long> stages = backbone.settings().stageChannels().subList(2, 4);
    neck = child("img_neck", new FpnForBevDet(stages, config.neckChannels(), init));

    boolean first = config.family() == Family.BEVDET;
    FrustumSpec spec = FrustumSpec.of(config);
    NamedModules transformer =
        child("img_view_transformer", first ? GridConstants.bevDet(spec) : new NamedModules());
    Conv2d.Shape shape =
        Conv2d.Shape.same(config.neckChannels(), lift.bins() + lift.context(), 1).withBias();
    depthNet = transformer.add(first ? "depthnet" : "depth_net", new Conv2d(shape, init));
    view = own(new LiftView(spec, pooling));

    List<Integer> channels = config.encoder().channels();
    int bevChannels = lift.context() * spec.grid().z().cells();
    bevBackbone = child("img_bev_encoder_backbone", new BevResNet(bevChannels, channels, init));
    bevNeck =
        child(
            "img_bev_encoder_neck",
            new FpnLss(channels.get(0), channels.get(2), config.encoder().out(), init));
  }

  @Override
  protected DetectorOutput run(Tensor images, Calibration calibration, Taps taps) {
    List<Tensor> stages = backbone.forward(images).subList(2, 4);
    taps.accept("img_backbone.stage3", stages.get(0));
    taps.accept("img_backbone.stage4", stages.get(1));
    Tensor features = neck.forward(stages);
    taps.accept("img_neck", features);

    LiftView.Lifted lifted = view.lift(depthNet.forward(features), calibration, taps);
    List<Tensor> bevStages = bevBackbone.forward(lifted.bev());
    for (int s = 0; s < bevStages.size(); s++) {
      taps.accept("bev_backbone.stage" + (s + 1), bevStages.get(s));
    }
    Tensor bev = bevNeck.forward(bevStages);
    taps.accept("bev_neck", bev);
    return lifted.with(head.forward(bev, taps));
  }
}
