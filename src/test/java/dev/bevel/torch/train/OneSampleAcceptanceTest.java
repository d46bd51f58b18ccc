package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.OperatingSystemMXBean;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.SampleSelection;
import dev.bevel.testing.TestData;
import dev.bevel.torch.model.Calibration;
import dev.bevel.torch.model.Detector;
import dev.bevel.torch.model.FrustumSpec;
import dev.bevel.torch.model.KernelViewPooling;
import dev.bevel.torch.model.ViewPooling;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * BEVDepth from scratch learns the one real sample in 300 steps, and it is its images that it
 * reads. Takes minutes: runs with {@code -Dbevel.test.long=true}.
 */
class OneSampleAcceptanceTest {
  private static final int STEPS = 300;
  private static final int BOXES = 12;

  /** Minutes that a machine with two cores may take. */
  private static final double MINUTES = 10;

  @TempDir private Path folder;

  @Test
  void learnsTheSampleFromItsImages() throws IOException {
    Assumptions.assumeTrue(
        Boolean.getBoolean("bevel.test.long"),
        "skipped: takes minutes, give -Dbevel.test.long=true");
    DetectionSample sample =
        SampleSelection.toDetectIn(NuScenes.load(TestData.require("nuscenes-one-sample")), null)
            .samples()
            .getFirst();
    Path checkpoint = folder.resolve("last.safetensors");
    ConfigDocument config = ConfigDocument.load("bevdepth-r18-128x352");
    double before = cpuSeconds();
    try (DetectorTraining training = new DetectorTraining(config, List.of(sample), 0)) {
      training.run(STEPS, report -> assertThat(report.loss()).isFinite());
      training.save(checkpoint);
    }
    double seconds = cpuSeconds() - before;
    System.out.printf(
        Locale.ROOT,
        "OneSampleAcceptanceTest: %d steps, %.2f s of processor time each%n",
        STEPS,
        seconds / STEPS);

    DetectionMatcher.Count seen = count(checkpoint, sample, UnaryOperator.identity());
    DetectionMatcher.Count black = count(checkpoint, sample, OneSampleAcceptanceTest::black);
    DetectionMatcher.Count exchanged =
        count(checkpoint, sample, OneSampleAcceptanceTest::exchanged);
    DetectionMatcher.Count withoutLift = countWithoutLift(checkpoint, sample);
    System.out.printf(
        Locale.ROOT,
        "OneSampleAcceptanceTest: %s; black images %s; left and right exchanged %s; lift zeroed %s%n",
        seen,
        black,
        exchanged,
        withoutLift);

    assertThat(seen.truth()).isEqualTo(BOXES);
    assertThat(seen.matched()).isGreaterThanOrEqualTo(10);
    assertThat(seen.unmatched()).isLessThanOrEqualTo(12);
    assertThat(black.matched()).isLessThan(4);
    assertThat(exchanged.matched()).isLessThan(4);
    assertThat(withoutLift.matched()).isZero();
    assertThat(seconds / 2 / 60).as("minutes on two cores").isLessThan(MINUTES);
  }

  private static DetectionMatcher.Count count(
      Path checkpoint, DetectionSample sample, UnaryOperator<float[]> change) throws IOException {
    try (DetectorInference inference = DetectorInference.load(checkpoint)) {
      List<Detection> detections = inference.detect(sample, 0.1, change);
      return DetectionMatcher.count(sample.boxes(), detections);
    }
  }

  private static DetectionMatcher.Count countWithoutLift(Path checkpoint, DetectionSample sample)
      throws IOException {
    try (DetectorInference inference =
        DetectorInference.load(
            checkpoint, config -> Detector.create(config.detector(), 0, new ZeroPooling(config)))) {
      return DetectionMatcher.count(sample.boxes(), inference.detect(sample, 0.1));
    }
  }

  /** What a black image becomes: every pixel the value of the least one can have. */
  private static float[] black(float[] images) {
    float[] result = images.clone();
    int plane = 128 * 352;
    double[] mean = {0.485, 0.456, 0.406};
    double[] std = {0.229, 0.224, 0.225};
    for (int i = 0; i < result.length; i++) {
      int channel = i / plane % 3;
      result[i] = (float) (-mean[channel] / std[channel]);
    }
    return result;
  }

  /** Front left and front right, back left and back right change places; front and back stay. */
  private static float[] exchanged(float[] images) {
    List<String> order = DetectionSample.CAMERA_ORDER;
    float[] result = new float[images.length];
    int each = images.length / order.size();
    for (int camera = 0; camera < order.size(); camera++) {
      String name = order.get(camera);
      String other =
          name.endsWith("LEFT") ? name.replace("LEFT", "RIGHT") : name.replace("RIGHT", "LEFT");
      System.arraycopy(images, order.indexOf(other) * each, result, camera * each, each);
    }
    assertThat(Arrays.equals(images, result)).isFalse();
    return result;
  }

  private static double cpuSeconds() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime()
        * 1e-9;
  }

  /** The pooling with its map replaced by zeros. */
  private static final class ZeroPooling implements ViewPooling {
    private final ViewPooling pooling;

    ZeroPooling(ConfigDocument config) {
      pooling = new KernelViewPooling(FrustumSpec.of(config.detector()));
    }

    @Override
    public Pooled pool(Calibration calibration, Tensor depthLogits, Tensor context) {
      Pooled real = pooling.pool(calibration, depthLogits, context);
      return new Pooled(torch.zeros_like(real.bev()), real.probabilities());
    }

    @Override
    public void close() {
      pooling.close();
    }
  }
}
