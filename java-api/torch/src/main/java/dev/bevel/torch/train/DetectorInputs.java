package dev.bevel.torch.train;

import dev.bevel.nuscenes.BoxConvention;
import dev.bevel.nuscenes.CameraSample;
import dev.bevel.nuscenes.DepthBins;
import dev.bevel.nuscenes.DepthTarget;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.GroundTruthBox;
import dev.bevel.nuscenes.ImageAugmentation;
import dev.bevel.nuscenes.ImagePipeline;
import dev.bevel.nuscenes.PixelNormalization;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.RgbImage;
import dev.bevel.torch.head.GroundTruth;
import dev.bevel.torch.model.Calibration;
import dev.bevel.torch.model.ConfigException;
import dev.bevel.torch.model.DetectorConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * From a key frame to what a detector sees and should say, the same for training and inference:
 * images and calibration; boxes in the detector's frame and box convention; depth bins. Ego-frame
 * detectors work in the key ego frame, LiDAR-frame ones in LIDAR_TOP.
 */
public final class DetectorInputs {
  private static final double BEVDET_EXTRA_RESIZE = 0.04;

  /** With which nuScenes' images of 1600×900 fill 704×256 pixels. */
  private static final double NUSCENES_RESIZE = 0.44;

  private final DetectorConfig config;
  private final PixelNormalization normalization;
  private final BoxConvention convention;

  /**
   * One sample, prepared.
   *
   * @param images {@code [cameras, 3, height, width]}, normalised
   * @param calibration of one batch element
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Input(float[] images, Calibration calibration) {}

  /**
   * One sample to learn from.
   *
   * @param input what the detector sees
   * @param truth its boxes: of the ten classes, seen by LiDAR or radar, on the grid
   * @param depthBins {@code [cameras, fH, fW]}, see {@link DepthTarget#bins}; null without depth
   *     supervision
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Example(Input input, GroundTruth truth, int @Nullable [] depthBins) {
    /** Memory of images and depth bins. */
    long bytes() {
      long bins = depthBins == null ? 0 : depthBins.length;
      return Float.BYTES * (long) input.images().length + Integer.BYTES * bins;
    }

    /**
     * The same rig with its images dealt to other cameras, and nothing to find: images that
     * contradict the calibration say nothing about where anything is.
     *
     * @param order whose image each camera gets
     */
    Example mismatched(List<Integer> order) {
      float[] dealt = new float[input.images().length];
      int each = dealt.length / order.size();
      for (int i = 0; i < order.size(); i++) {
        System.arraycopy(input.images(), order.get(i) * each, dealt, i * each, each);
      }
      int[] noDepths = depthBins == null ? null : new int[depthBins.length];
      if (noDepths != null) {
        Arrays.fill(noDepths, DepthTarget.NONE);
      }
      return new Example(
          new Input(dealt, input.calibration()), new GroundTruth(List.of(), new int[0]), noDepths);
    }
  }

  /**
   * @throws ConfigException if the configuration's normalisation is none of the field's
   */
  public DetectorInputs(DetectorConfig config) {
    this.config = config;
    this.normalization = normalization(config);
    this.convention =
        config.family() == DetectorConfig.Family.BEVDET
            ? BoxConvention.MMDET3D_0
            : BoxConvention.MMDET3D_1;
  }

  private static PixelNormalization normalization(DetectorConfig config) {
    DetectorConfig.Normalization n = config.normalization();
    List<Double> mean = List.of(123.675, 116.28, 103.53);
    List<Double> std = List.of(58.395, 57.12, 57.375);
    boolean rgb = n.channels() == DetectorConfig.Channels.RGB;
    if (n.mean().equals(mean) && n.std().equals(std)) {
      return rgb ? PixelNormalization.TORCHVISION_RGB : PixelNormalization.BEVDEPTH_SWAPPED;
    }
    if (!rgb && n.mean().equals(mean.reversed()) && n.std().equals(List.of(1.0, 1.0, 1.0))) {
      return PixelNormalization.CAFFE_BGR;
    }
    throw new ConfigException(
        String.format(
            Locale.ROOT,
            "%s: image.normalization must be rgb or bgr with mean %s and std %s, or bgr with mean %s and std 1, got %s",
            config.name(),
            mean,
            std,
            mean.reversed(),
            n));
  }

  /** How boxes become numbers. */
  public BoxConvention convention() {
    return convention;
  }

  /** Key ego frame → the detector's frame. */
  public Pose egoToDetector(DetectionSample sample) {
    return config.frame() == DetectorConfig.Frame.EGO
        ? Pose.IDENTITY
        : sample.lidarToEgo().inverse();
  }

  /**
   * The augmentations of inference, one a camera: {@link ImageAugmentation#inference}; but BEVDet's
   * first version enlarges the images further, for nuScenes' by {@value #BEVDET_EXTRA_RESIZE} of
   * the raw size above the {@value #NUSCENES_RESIZE} that fill the input, for others in proportion,
   * and crops at the top and evenly at the sides.
   */
  public List<ImageAugmentation> inferenceAugmentations(DetectionSample sample) {
    return sample.cameras().stream()
        .map(c -> inferenceAugmentation(c.width(), c.height()))
        .toList();
  }

  /** The same for a raw image of some size. */
  ImageAugmentation inferenceAugmentation(int rawWidth, int rawHeight) {
    int width = config.image().width();
    int height = config.image().height();
    if (config.family() != DetectorConfig.Family.BEVDET) {
      return ImageAugmentation.inference(rawWidth, rawHeight, width, height);
    }
    double filling = ImageAugmentation.filling(rawWidth, rawHeight, width, height);
    double resize = filling + BEVDET_EXTRA_RESIZE * (filling / NUSCENES_RESIZE);
    int cropX = Math.max(0, (int) (rawWidth * resize) - width) / 2;
    int cropY = (int) (rawHeight * resize) - height;
    return new ImageAugmentation(resize, cropX, cropY, width, height, false, 0);
  }

  /**
   * Reads the images and prepares them.
   *
   * @throws dev.bevel.nuscenes.NuScenesException if a file is missing or damaged
   */
  public Input input(DetectionSample sample, List<ImageAugmentation> augmentations) {
    DetectorConfig.Image size = config.image();
    float[] images = new float[sample.cameras().size() * 3 * size.height() * size.width()];
    ImagePipeline.load(sample, augmentations, normalization, images);
    return new Input(images, calibration(sample, augmentations));
  }

  /**
   * What black images become.
   *
   * @return {@code [cameras, 3, height, width]}, normalised
   */
  float[] blackImages(int cameras) {
    DetectorConfig.Image size = config.image();
    RgbImage black = RgbImage.black(size.width(), size.height());
    int each = 3 * size.height() * size.width();
    float[] images = new float[cameras * each];
    for (int i = 0; i < cameras; i++) {
      normalization.write(black, images, i * each);
    }
    return images;
  }

  /**
   * Reads images, boxes and, where depth is supervised, the LiDAR sweep.
   *
   * @throws dev.bevel.nuscenes.NuScenesException if a file is missing or damaged
   */
  public Example example(
      DetectionSample sample, List<ImageAugmentation> augmentations, boolean withDepth) {
    int[] bins = null;
    if (withDepth) {
      DepthTarget target =
          DepthTarget.of(
              sample,
              sample.readLidar(),
              augmentations,
              new DepthBins(config.lift().start(), config.lift().end(), config.lift().step()),
              config.image().stride(),
              depthRule());
      bins = target.bins();
    }
    return new Example(input(sample, augmentations), truth(sample), bins);
  }

  private DepthTarget.Rule depthRule() {
    return switch (config.family()) {
      case BEVDEPTH -> DepthTarget.Rule.BEVDEPTH;
      case BEVDET_DEV2 -> DepthTarget.Rule.BEVDET_DEV2;
      case BEVDET -> DepthTarget.Rule.BEVDET_V1;
    };
  }

  private GroundTruth truth(DetectionSample sample) {
    Pose toDetector = egoToDetector(sample);
    List<double[]> boxes = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    for (GroundTruthBox box : sample.trainingBoxes()) {
      double[] numbers = convention.encode(box.box().transformed(toDetector));
      if (inside(numbers[0], config.grid().x()) && inside(numbers[1], config.grid().y())) {
        boxes.add(numbers);
        labels.add(box.detectionClass().orElseThrow().label());
      }
    }
    return new GroundTruth(boxes, labels.stream().mapToInt(Integer::intValue).toArray());
  }

  private static boolean inside(double value, List<Double> axis) {
    return value > axis.get(0) && value < axis.get(1);
  }

  private Calibration calibration(DetectionSample sample, List<ImageAugmentation> augmentations) {
    int cameras = sample.cameras().size();
    double[] intrinsics = new double[9 * cameras];
    double[] toDetector = new double[16 * cameras];
    double[] augmentation = new double[16 * cameras];
    Pose egoToDetector = egoToDetector(sample);
    for (int i = 0; i < cameras; i++) {
      CameraSample camera = sample.cameras().get(i);
      System.arraycopy(camera.intrinsics().matrix(), 0, intrinsics, 9 * i, 9);
      double[] pose = egoToDetector.compose(camera.sensorToKeyEgo()).matrix();
      System.arraycopy(pose, 0, toDetector, 16 * i, 16);
      System.arraycopy(augmentations.get(i).matrix(), 0, augmentation, 16 * i, 16);
    }
    return new Calibration(1, cameras, intrinsics, toDetector, augmentation, null);
  }

  /** One calibration of several samples, in order. */
  static Calibration join(List<Calibration> parts) {
    if (parts.size() == 1) {
      return parts.getFirst();
    }
    return new Calibration(
        parts.size(),
        parts.getFirst().cameras(),
        concat(parts.stream().map(Calibration::intrinsics).toList()),
        concat(parts.stream().map(Calibration::cameraToBev).toList()),
        concat(parts.stream().map(Calibration::imageAugmentation).toList()),
        concat(parts.stream().map(Calibration::bevAugmentation).toList()));
  }

  private static double[] concat(List<double[]> parts) {
    return parts.stream().flatMapToDouble(Arrays::stream).toArray();
  }
}
