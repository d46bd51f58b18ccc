package dev.bevel.torch.parity;

import dev.bevel.torch.model.Calibration;
import dev.bevel.torch.model.Detector;
import dev.bevel.torch.model.DetectorConfig;
import dev.bevel.torch.model.FrustumSpec;
import dev.bevel.torch.model.KernelViewPooling;
import dev.bevel.torch.model.Taps;
import dev.bevel.torch.nn.Module;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** A detector that lifts the images of six cameras and splats them: {@link CameraInputs}. */
final class CameraDetectorParity implements ParityModel {
  private final CameraInputs inputs;
  private final Calibration calibration;
  private final Detector detector;
  private final Map<String, String> tapNames;
  private final String droppedPrefix;
  private @Nullable Tensor images;

  /**
   * @param configuration of the detector
   * @param prefix with which the names of all its tensors begin; the fixture may leave it out
   * @param tapNames other names that a tap may have in the fixture, by ours
   */
  private CameraDetectorParity(
      DetectorFixture fixture, String configuration, String prefix, Map<String, String> tapNames) {
    DetectorConfig config;
    try {
      config = DetectorConfig.load(configuration);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    inputs = new CameraInputs(fixture);
    calibration = inputs.calibration();
    FrustumSpec spec = FrustumSpec.of(config);
    detector =
        Detector.create(config, 0, KernelViewPooling.withCells(spec, inputs.borderCells(spec)));
    this.tapNames = tapNames;
    droppedPrefix = mentionsOnlyWithout(fixture, prefix) ? prefix : "";
  }

  /** BEVDet-R50, first version, in the LiDAR frame. */
  static ParityModel bevDet(DetectorFixture fixture) {
    return new CameraDetectorParity(fixture, "bevdet-r50", "", Map.of());
  }

  /**
   * BEVDepth-R50 of Megvii with one key frame, in the ego frame. Its state dictionary is that of
   * the Lightning module, whose names begin with {@code model.}; those of the bare network do not.
   */
  static ParityModel bevDepth(DetectorFixture fixture) {
    return new CameraDetectorParity(
        fixture, "bevdepth-r50-256x704", "model.", BevDepthTapNames.ALL);
  }

  /** Whether the fixture mentions names of tensors and none begins with this prefix. */
  private static boolean mentionsOnlyWithout(DetectorFixture fixture, String prefix) {
    List<String> names = fixture.weightNames();
    return !names.isEmpty() && names.stream().noneMatch(name -> name.startsWith(prefix));
  }

  @Override
  public Module network() {
    return detector;
  }

  @Override
  public Map<String, Tensor> weights() {
    Map<String, Tensor> weights = new LinkedHashMap<>();
    detector
        .stateDict()
        .forEach((name, tensor) -> weights.put(name.substring(droppedPrefix.length()), tensor));
    return weights;
  }

  @Override
  public String tap(String name) {
    return tapNames.getOrDefault(name, name);
  }

  @Override
  public void prepare(ScalarType dtype) {
    DetectorConfig.Image image = detector.config().image();
    images = inputs.images(image.height(), image.width()).to(dtype).unsqueeze(0);
  }

  @Override
  public void forward(Taps taps) {
    detector.forward(Objects.requireNonNull(images, "prepare first"), calibration, taps);
  }

  @Override
  public void close() {
    detector.close();
  }
}
