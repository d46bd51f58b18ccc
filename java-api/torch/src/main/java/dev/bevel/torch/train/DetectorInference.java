package dev.bevel.torch.train;

import dev.bevel.kernels.SharedResource;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.Printable;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.model.Detector;
import dev.bevel.torch.model.DetectorOutput;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A trained detector at work. Owns the detector. Several threads may detect at once. Closing marks
 * it and returns: calls that begin later throw {@link IllegalStateException}, and the last running
 * one frees the detector.
 */
public final class DetectorInference implements AutoCloseable {
  private final ConfigDocument config;
  private final DetectorInputs inputs;
  private final DetectorHead head;
  private final Detector detector;
  private final SharedResource life;

  private DetectorInference(ConfigDocument config, Detector detector) {
    this.config = config;
    this.detector = detector;
    life = new SharedResource("DetectorInference: the detector", detector::close);
    inputs = new DetectorInputs(config.detector());
    head = new DetectorHead(config.detector(), inputs.convention());
  }

  /**
   * The detector of a checkpoint, which carries its configuration.
   *
   * @throws CheckpointException if the file is no checkpoint or does not fit its configuration
   * @throws IOException if the file cannot be read or is damaged
   */
  public static DetectorInference load(Path checkpoint) throws IOException {
    return load(checkpoint, config -> Detector.create(config.detector(), 0));
  }

  /** The same with the detector made by the caller, e.g. with another pooling. */
  public static DetectorInference load(Path checkpoint, DetectorFactory factory)
      throws IOException {
    Checkpoint saved = Checkpoint.read(checkpoint);
    ConfigDocument config = ConfigDocument.parse("configuration in " + checkpoint, saved.config());
    Detector detector = factory.create(config);
    try {
      Checkpoint.loadWeights(checkpoint, detector);
      detector.eval();
      DetectorInference inference = new DetectorInference(config, detector);
      saved.require(checkpoint, inference.inputs.convention());
      return inference;
    } catch (IOException | RuntimeException e) {
      detector.close();
      throw e;
    }
  }

  /** Makes the detector of a configuration. */
  @FunctionalInterface
  public interface DetectorFactory {
    /** A detector with any weights. */
    Detector create(ConfigDocument config);
  }

  /** The configuration of the detector. */
  public ConfigDocument config() {
    return config;
  }

  /**
   * Runs on one key frame.
   *
   * @param scoreThreshold a detection needs a higher score
   * @return in the key ego frame
   * @throws dev.bevel.nuscenes.NuScenesException if an image is missing or damaged
   * @throws TrainingException if the network overflows: a map of the head holds NaN or infinity, or
   *     all candidates of a task decode to no box
   */
  public List<Detection> detect(DetectionSample sample, double scoreThreshold) {
    return detect(sample, scoreThreshold, UnaryOperator.identity());
  }

  /**
   * The same with the normalised images, {@code [cameras, 3, height, width]}, changed before the
   * detector sees them: to ask what the detector makes of them.
   */
  public List<Detection> detect(
      DetectionSample sample, double scoreThreshold, UnaryOperator<float[]> change) {
    life.use();
    try {
      return run(sample, scoreThreshold, change);
    } finally {
      life.release();
    }
  }

  @SuppressWarnings("try") // scope and guard are there to be closed
  private List<Detection> run(
      DetectionSample sample, double scoreThreshold, UnaryOperator<float[]> change) {
    DetectorInputs.Input input = inputs.input(sample, inputs.inferenceAugmentations(sample));
    Pose toEgo = inputs.egoToDetector(sample).inverse();
    try (TensorScope scope = TensorScope.open();
        NoGradGuard guard = new NoGradGuard()) {
      Tensor images =
          Tensors.of(
              change.apply(input.images()),
              1,
              sample.cameras().size(),
              3,
              config.detector().image().height(),
              config.detector().image().width());
      DetectorOutput output = detector.forward(images, input.calibration());
      requireFinite(output, sample);
      return decoded(output, sample, scoreThreshold).stream()
          .map(d -> new Detection(d.box().transformed(toEgo), d.detectionClass(), d.score()))
          .toList();
    }
  }

  private List<Detection> decoded(
      DetectorOutput output, DetectionSample sample, double scoreThreshold) {
    try {
      return head.detections(output, scoreThreshold).getFirst();
    } catch (TrainingException e) {
      throw new TrainingException(
          "sample " + Printable.of(sample.token(), 80) + ": " + e.getMessage(), e);
    }
  }

  /** A map with numbers that are none has no maxima: it would look like an empty street. */
  private void requireFinite(DetectorOutput output, DetectionSample sample) {
    for (Map<String, Tensor> task : output.tasks()) {
      for (Map.Entry<String, Tensor> map : task.entrySet()) {
        if (!torch.isfinite(map.getValue()).all().item_bool()) {
          throw new TrainingException(
              String.format(
                  Locale.ROOT,
                  "%s: the head's %s has numbers that are not finite for sample %s; with these"
                      + " weights the network overflows",
                  config.detector().name(),
                  map.getKey(),
                  Printable.of(sample.token(), 80)));
        }
      }
    }
  }

  /**
   * What the detector makes of black images in place of the sample's: how much of what it finds
   * does not come from the images at all.
   */
  public List<Detection> detectOnBlackImages(DetectionSample sample, double scoreThreshold) {
    return detect(sample, scoreThreshold, images -> inputs.blackImages(sample.cameras().size()));
  }

  @Override
  public void close() {
    life.close();
  }
}
