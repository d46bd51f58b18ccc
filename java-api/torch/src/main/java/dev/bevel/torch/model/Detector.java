package dev.bevel.torch.model;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Module;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;

/**
 * A camera detector: images and calibration in, the head's maps out. Made by {@link #create}; in
 * training mode and on the CPU after construction.
 */
public abstract class Detector extends Module {
  private final DetectorConfig config;

  /** A detector of this configuration. */
  protected Detector(DetectorConfig config) {
    this.config = config;
  }

  /**
   * Builds the detector that a configuration describes, with freshly initialised weights.
   *
   * @param seed settles every weight
   */
  public static Detector create(DetectorConfig config, long seed) {
    return create(config, seed, new KernelViewPooling(FrustumSpec.of(config)));
  }

  /** The same with another pooling, which the detector then owns. */
  @SuppressWarnings("try") // the scope frees what the modules do not own
  public static Detector create(DetectorConfig config, long seed, ViewPooling pooling) {
    try (TensorScope scope = TensorScope.open();
        Initializer init = Initializer.seeded(seed)) {
      Detector detector =
          config.family() == DetectorConfig.Family.BEVDEPTH
              ? new BevDepth(config, pooling, init)
              : new BevDet(config, pooling, init);
      detector.toChannelsLast();
      return detector;
    }
  }

  /** The configuration this detector was made from. */
  public final DetectorConfig config() {
    return config;
  }

  /** Runs the detector without taps. */
  public final DetectorOutput forward(Tensor images, Calibration calibration) {
    return forward(images, calibration, Taps.NONE);
  }

  /**
   * Runs the detector. The caller's scope owns all results.
   *
   * @param images normalised images [B, N, 3, height, width]
   * @param calibration of the same B and N
   * @param taps told intermediate tensors
   */
  public final DetectorOutput forward(Tensor images, Calibration calibration, Taps taps) {
    given("images", images);
    return call(() -> checkedForward(images, calibration, taps));
  }

  private DetectorOutput checkedForward(Tensor images, Calibration calibration, Taps taps) {
    long[] expected = {
      calibration.batch(), calibration.cameras(), 3, config.image().height(), config.image().width()
    };
    if (!Arrays.equals(images.shape(), expected)) {
      throw new IllegalArgumentException(
          config.name()
              + ": images must be "
              + Arrays.toString(expected)
              + " to match calibration and configuration, got "
              + Arrays.toString(images.shape()));
    }
    return run(images.flatten(0, 1).contiguous(MemoryFormat.ChannelsLast), calibration, taps);
  }

  /** Runs the detector on images [B·N, 3, H, W] in channels-last layout. */
  protected abstract DetectorOutput run(Tensor images, Calibration calibration, Taps taps);
}
