package dev.bevel.torch.model;

import dev.bevel.nuscenes.PathFaults;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a detector is made of. Read from YAML by {@link #load}; the named configurations travel as
 * resources beside this class.
 *
 * @param name of the configuration
 * @param family which upstream detector it follows
 * @param frame the BEV frame
 * @param image size of the input
 * @param normalization how pixels become numbers
 * @param backbone the image backbone
 * @param neckChannels output channels of the image neck
 * @param lift depth bins and context
 * @param grid the BEV grid
 * @param encoder the BEV encoder
 * @param head the detection head
 */
public record DetectorConfig(
    String name,
    Family family,
    Frame frame,
    Image image,
    Normalization normalization,
    Backbone backbone,
    int neckChannels,
    Lift lift,
    Grid grid,
    Encoder encoder,
    Head head) {

  /** Upstream detectors. */
  public enum Family {
    /** HuangJunJie2017/BEVDet, first version. */
    BEVDET,
    /** HuangJunJie2017/BEVDet, dev2 and dev3. */
    BEVDET_DEV2,
    /** Megvii-BaseDetection/BEVDepth. */
    BEVDEPTH
  }

  /** Frames of the BEV grid and of the boxes. */
  public enum Frame {
    /** LIDAR_TOP: x right, y forward, z up. */
    LIDAR,
    /** Ego vehicle: x forward, y left, z up. */
    EGO
  }

  /** Order of the colour channels that the network receives. */
  public enum Channels {
    /** Red, green, blue. */
    RGB,
    /** Blue, green, red. */
    BGR
  }

  /**
   * The augmented image that the network sees.
   *
   * @param height pixels
   * @param width pixels
   * @param stride pixels of one feature cell; the lift works at this stride
   */
  public record Image(int height, int width, int stride) {}

  /**
   * Normalised value = (v − mean)/std with v in 0..255, in the order {@code channels}.
   *
   * @param channels order in which the network receives the colours
   * @param mean one number a channel, in that order
   * @param std one number a channel, in that order
   */
  public record Normalization(Channels channels, List<Double> mean, List<Double> std) {}

  /**
   * The image backbone.
   *
   * @param depth 18 or 50
   * @param width channels of the stem and of the first stage's convolutions, 64 as published; each
   *     later stage doubles it
   */
  public record Backbone(int depth, int width) {
    private static final int PUBLISHED_WIDTH = 64;
  }

  /**
   * The lift. Bins start at {@code start}, {@code start + step}, ... below {@code end} metres.
   *
   * @param start lower edge of the first bin
   * @param end upper end
   * @param step width of a bin
   * @param context channels of the context
   * @param depthNetWidth channels inside the camera-aware depth network, 0 for a plain 1×1
   *     convolution
   * @param asppDropout dropout of that network's spatial pyramid
   */
  public record Lift(
      double start, double end, double step, int context, int depthNetWidth, double asppDropout) {
    /** Number of depth bins. */
    public int bins() {
      return (int) Math.ceil((end - start) / step - 1e-9);
    }
  }

  /**
   * The grid, [lower, upper, cell] in metres for each axis.
   *
   * @param x x axis
   * @param y y axis
   * @param z z axis
   */
  public record Grid(List<Double> x, List<Double> y, List<Double> z) {
    /** Number of cells of an axis of this form. */
    static int cells(List<Double> axis) {
      return (int) Math.round((axis.get(1) - axis.get(0)) / axis.get(2));
    }

    /** Number of cells along x, y and z. */
    public List<Integer> cells() {
      return List.of(cells(x), cells(y), cells(z));
    }
  }

  /**
   * The BEV encoder.
   *
   * @param channels of its stages
   * @param out channels after its neck; for BEVDepth the channels that each of the neck's levels
   *     contributes
   */
  public record Encoder(List<Integer> channels, int out) {}

  /**
   * The detection head.
   *
   * @param tasks class names of each task
   * @param sharedChannels after the shared convolution
   * @param branchChannels inside a branch
   * @param nmsThresholds of circle NMS, one a task: squared centre distance in m², what upstream's
   *     configurations call {@code min_radius}
   * @param maxPerTask detections kept per task
   */
  public record Head(
      List<List<String>> tasks,
      int sharedChannels,
      int branchChannels,
      List<Double> nmsThresholds,
      int maxPerTask) {
    /** Number of classes of each task. */
    public List<Integer> classCounts() {
      return tasks.stream().map(List::size).toList();
    }
  }

  private static final int MAX_BINS = 4096;
  private static final int MAX_CELLS = 4096;

  /** The BEV encoders' coarsest maps have one cell for so many of the grid's, along x and y. */
  private static final int BEV_STRIDE = 8;

  /** The mapping that says how a detector is trained, which is read by others. */
  public static final String TRAINING = "training";

  /** Names of the configurations that travel with this library. */
  public static final List<String> NAMES =
      List.of(
          "bevdet-r50",
          "bevdet-dev2-r50-cbgs",
          "bevdepth-r50-256x704",
          "bevdepth-r18-128x352",
          "bevdepth-demo");

  /**
   * The configuration with a name of {@link #NAMES}, or else in the YAML file at that path.
   *
   * @throws ConfigException if it is neither, or cannot be used
   */
  public static DetectorConfig load(String nameOrFile) throws IOException {
    return read(ConfigNode.parse(nameOrFile, text(nameOrFile)));
  }

  /**
   * The text of such a configuration's document, of which {@link #read} takes the keys of the
   * detector.
   *
   * @throws ConfigException if there is no such configuration and no such file
   */
  public static String text(String nameOrFile) throws IOException {
    if (NAMES.contains(nameOrFile)) {
      String resource = nameOrFile + ".yaml";
      try (@Nullable InputStream in = DetectorConfig.class.getResourceAsStream(resource)) {
        if (in == null) {
          throw new IllegalStateException(
              "resource " + resource + " is missing beside " + DetectorConfig.class.getName());
        }
        return ConfigNode.text(nameOrFile, in);
      }
    }
    Path file = Path.of(nameOrFile);
    String fault = PathFaults.asFile(file);
    if (fault != null) {
      throw new ConfigException(
          String.format(
              Locale.ROOT,
              "unknown configuration '%s': it is none of %s, and as a file it %s",
              nameOrFile,
              String.join(", ", NAMES),
              fault));
    }
    try (InputStream in = Files.newInputStream(file)) {
      return ConfigNode.text(nameOrFile, in);
    }
  }

  /** Takes the detector's keys from a document and rejects all others. */
  public static DetectorConfig read(ConfigNode root) {
    if (root.has(TRAINING)) {
      root.child(TRAINING);
    }
    ConfigNode image = root.child("image");
    ConfigNode normalization = image.child("normalization");
    ConfigNode backbone = root.child("backbone");
    ConfigNode neck = root.child("neck");
    ConfigNode view = root.child("view");
    ConfigNode grid = root.child("grid");
    ConfigNode encoder = root.child("bev_encoder");
    ConfigNode head = root.child("head");
    ConfigNode nms = head.child("circle_nms");
    List<List<String>> tasks = head.textLists("tasks");
    DetectorConfig config =
        new DetectorConfig(
            root.text("name"),
            root.choice("family", Family.class),
            root.choice("frame", Frame.class),
            new Image(
                image.integer("height", 32, 8192),
                image.integer("width", 32, 8192),
                image.integer("stride", 8, 16)),
            new Normalization(
                normalization.choice("channels", Channels.class),
                normalization.numbers("mean", 3),
                normalization.numbers("std", 3)),
            readBackbone(backbone),
            neck.integer("channels", 1, 4096),
            readLift(view),
            new Grid(axis(grid, "x", BEV_STRIDE), axis(grid, "y", BEV_STRIDE), axis(grid, "z", 1)),
            new Encoder(encoder.counts("channels"), encoder.integer("out", 1, 4096)),
            new Head(
                tasks,
                head.integer("shared_channels", 1, 4096),
                head.integer("branch_channels", 1, 4096),
                nms.numbers("thresholds", tasks.size()),
                nms.integer("keep", 1, 10_000)));
    check(config, image);
    checkFamily(config, neck, view, encoder);
    for (ConfigNode node :
        List.of(normalization, image, backbone, neck, view, grid, encoder, nms, head, root)) {
      node.finish();
    }
    return config;
  }

  private static Backbone readBackbone(ConfigNode node) {
    int depth = node.integer("depth", 18, 50);
    if (depth != 18 && depth != 50) {
      throw node.invalid("depth", "18 or 50");
    }
    return new Backbone(
        depth, node.has("width") ? node.integer("width", 8, 512) : Backbone.PUBLISHED_WIDTH);
  }

  private static Lift readLift(ConfigNode view) {
    List<Double> depth = view.numbers("depth", 3);
    if (!(depth.get(0) > 0 && depth.get(1) > depth.get(0) && depth.get(2) > 0)) {
      throw view.invalid("depth", "[start, end, step] with 0 < start < end and step > 0");
    }
    if ((depth.get(1) - depth.get(0)) / depth.get(2) > MAX_BINS) {
      throw view.invalid("depth", "[start, end, step] with at most " + MAX_BINS + " bins");
    }
    boolean depthNet = view.has("depth_net");
    @Nullable ConfigNode node = depthNet ? view.child("depth_net") : null;
    Lift lift =
        new Lift(
            depth.get(0),
            depth.get(1),
            depth.get(2),
            view.integer("context", 1, 4096),
            node == null ? 0 : node.integer("width", 4, 4096),
            node == null ? 0 : node.number("aspp_dropout", 0, 0.99));
    if (node != null) {
      node.finish();
    }
    return lift;
  }

  /**
   * @param unit the number of cells is a multiple of it
   */
  private static List<Double> axis(ConfigNode grid, String key, int unit) {
    List<Double> axis = grid.numbers(key, 3);
    double cells = (axis.get(1) - axis.get(0)) / axis.get(2);
    if (!(axis.get(2) > 0 && cells >= 1 && Math.abs(cells - Math.rint(cells)) < 1e-6 * cells)) {
      throw grid.invalid(
          key, "[lower, upper, cell] with a whole number of cells between lower and upper");
    }
    if (Math.rint(cells) > MAX_CELLS || Math.rint(cells) % unit != 0) {
      throw grid.invalid(
          key,
          "[lower, upper, cell] with at most "
              + MAX_CELLS
              + " cells"
              + (unit == 1 ? "" : ", a multiple of " + unit));
    }
    return axis;
  }

  private static void check(DetectorConfig config, ConfigNode image) {
    if (config.image.height % 32 != 0) {
      throw image.invalid("height", "a multiple of 32");
    }
    if (config.image.width % 32 != 0) {
      throw image.invalid("width", "a multiple of 32");
    }
    boolean bevDepth = config.family == Family.BEVDEPTH;
    if (config.image.stride != 16 && !(bevDepth && config.image.stride == 8)) {
      throw image.invalid("stride", bevDepth ? "8 or 16" : "16, but in a bevdepth detector");
    }
  }

  private static void checkFamily(
      DetectorConfig config, ConfigNode neck, ConfigNode view, ConfigNode encoder) {
    List<Integer> c = config.encoder.channels;
    if (c.size() != 3) {
      throw encoder.invalid("channels", "a list of 3 positive whole numbers");
    }
    boolean bevDepth = config.family == Family.BEVDEPTH;
    if (bevDepth != view.has("depth_net")) {
      throw view.invalid(
          "depth_net",
          bevDepth
              ? "the depth network of a bevdepth detector"
              : "left out: only bevdepth detectors have a depth network");
    }
    if (!bevDepth) {
      return;
    }
    if (c.get(1) != 2 * c.get(0) || c.get(2) != 4 * c.get(0)) {
      throw encoder.invalid("channels", "[n, 2n, 4n] in a bevdepth detector");
    }
    if (config.neckChannels % 4 != 0) {
      throw neck.invalid("channels", "a multiple of 4 in a bevdepth detector");
    }
    if (config.lift.depthNetWidth % DepthNet.DCN_GROUPS != 0) {
      throw view.child("depth_net").invalid("width", "a multiple of " + DepthNet.DCN_GROUPS);
    }
  }
}
