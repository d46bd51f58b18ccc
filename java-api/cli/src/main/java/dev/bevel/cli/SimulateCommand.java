package dev.bevel.cli;

import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.simulator.SimulationSettings;
import dev.bevel.nuscenes.simulator.Simulator;
import dev.bevel.nuscenes.simulator.TrafficDensity;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/**
 * {@code bevel simulate}: a data set of a made-up world. Told to end, it removes what it has
 * written so far.
 */
@Command(
    name = "simulate",
    description = {
      "Make a data set in nuScenes' format of a made-up world, to train and test on.",
      "Tables in DIR/v1.0-sim; splits sim_train and sim_val. The same seed gives the same files."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class SimulateCommand implements Callable<Integer> {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,5})[x×](\\d{1,5})");

  @Spec private CommandSpec spec;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Data folder; must not exist or be empty.")
  private Path out;

  @Option(
      names = "--scenes",
      required = true,
      paramLabel = "N",
      description = "Scenes, each in a town of its own.")
  private int scenes;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = "20",
      description = "Length of a scene; two key frames a second (default: ${DEFAULT-VALUE}).")
  private int seconds;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "All else follows from it (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--image-size",
      paramLabel = "WxH",
      defaultValue = "1600x900",
      description = "Pixels (default: ${DEFAULT-VALUE}).")
  private String imageSize;

  @Option(
      names = "--traffic",
      paramLabel = "sparse|dense",
      defaultValue = "sparse",
      converter = Traffic.class,
      description = "How much is going on (default: ${DEFAULT-VALUE}).")
  private TrafficDensity traffic;

  @Option(
      names = "--lidar-sweeps",
      paramLabel = "N",
      defaultValue = "9",
      description = "LiDAR sweeps between key frames, 0 to 9 (default: ${DEFAULT-VALUE}).")
  private int lidarSweeps;

  @Option(
      names = "--camera-sweeps",
      paramLabel = "N",
      defaultValue = "0",
      description = "Images of each camera between key frames, 0 to 5 (default: ${DEFAULT-VALUE}).")
  private int cameraSweeps;

  @Option(
      names = "--threads",
      paramLabel = "N",
      converter = Numbers.Threads.class,
      description = "Threads; they change nothing but the time (default: all processors).")
  private @Nullable Integer threads;

  /** picocli's own words for what is none are those of Java's constants. */
  static final class Traffic implements ITypeConverter<TrafficDensity> {
    @Override
    public TrafficDensity convert(String text) {
      return switch (text.strip().toLowerCase(Locale.ROOT)) {
        case "sparse" -> TrafficDensity.SPARSE;
        case "dense" -> TrafficDensity.DENSE;
        default -> throw new TypeConversionException("must be sparse or dense, got '" + text + "'");
      };
    }
  }

  @Override
  @SuppressWarnings("try") // the resources are there to be closed
  public Integer call() {
    SimulationSettings settings = settings();
    try {
      Simulator.requireFree(out);
    } catch (NuScenesException inTheWay) {
      throw new ParameterException(spec.commandLine(), "--out: " + inTheWay.getMessage(), inTheWay);
    }
    long start = System.nanoTime();
    Thread self = Thread.currentThread();
    try (OrderlyShutdown shutdown = new OrderlyShutdown(self::interrupt);
        Progress bar = Progress.bar("simulate", 2L * scenes * seconds)) {
      Simulator.run(settings, out, (done, total) -> bar.stepTo(done));
    }
    PrintWriter print = spec.commandLine().getOut();
    print.printf(
        Locale.ROOT,
        "%s: %s of %d s, tables in %s, %s, %.1f s%n",
        out,
        Counted.of(scenes, "scene"),
        seconds,
        Simulator.VERSION,
        scenes > 1 ? "splits sim_train and sim_val" : "split sim_train",
        (System.nanoTime() - start) * 1e-9);
    print.flush();
    return 0;
  }

  private SimulationSettings settings() {
    Matcher size = SIZE.matcher(imageSize);
    if (!size.matches()) {
      throw new ParameterException(
          spec.commandLine(), "--image-size must look like 800x450, got '" + imageSize + "'");
    }
    try {
      SimulationSettings settings =
          SimulationSettings.of(scenes, seconds, seed)
              .withImageSize(Integer.parseInt(size.group(1)), Integer.parseInt(size.group(2)))
              .withTraffic(traffic)
              .withSweeps(lidarSweeps, cameraSweeps);
      return threads == null ? settings : settings.withThreads(threads);
    } catch (NuScenesException outOfRange) {
      throw new ParameterException(
          spec.commandLine(), String.valueOf(outOfRange.getMessage()), outOfRange);
    }
  }
}
