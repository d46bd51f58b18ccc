package dev.bevel.torch.train;

import static dev.bevel.kernels.BevGrid.Axis.range;
import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.testing.JavaProcess;
import dev.bevel.testing.Memory;
import dev.bevel.torch.autograd.LiftSplatFunction;
import dev.bevel.torch.autograd.LiftSplatOptions;
import dev.bevel.torch.head.LossTerms;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.DeformConv2d;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * A training loop through convolutions, one of them deformable, lift-splat and loss whose resident
 * memory stays flat: 400 steps here, 5,000 with {@code -Dbevel.test.long=true}.
 */
class FlatMemoryTest {
  private static final Pattern RESULT = Pattern.compile("growth (-?\\d+)");
  private static final int CONTEXT = 8;
  private static final int BINS = 24;
  private static final int HEIGHT = 8;
  private static final int WIDTH = 12;

  private static final class Lifter extends Module {
    private final DeformConv2d features;
    private final Conv2d depth;

    Lifter() {
      try (Initializer init = Initializer.seeded(1)) {
        features = child("features", DeformConv2d.modulated(Conv2d.Shape.same(3, 3, 3), 1, init));
        depth =
            child("depth", new Conv2d(Conv2d.Shape.same(3, BINS + CONTEXT, 3).withBias(), init));
      }
    }
  }

  /** In a process of its own, where no other test's memory comes or goes. */
  @Test
  void residentMemoryStaysFlat() throws IOException, InterruptedException {
    Assumptions.assumeTrue(
        Files.isReadable(Path.of("/proc/self/statm")),
        "skipped: needs /proc to see resident memory");
    int steps = Boolean.getBoolean("bevel.test.long") ? 5000 : 600;
    List<String> command =
        JavaProcess.command(
            FlatMemoryTest.class,
            // The Java heap whole from the start, and no optimising compiler: it takes megabytes
            // at times of its own choosing.
            List.of(
                "-Xms128m",
                "-Xmx128m",
                "-XX:+AlwaysPreTouch",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC"),
            List.of(Integer.toString(steps)));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    Matcher matcher = RESULT.matcher(output);
    assertThat(matcher.find()).as(output).isTrue();
    long growth = Long.parseLong(matcher.group(1));
    System.out.printf(
        Locale.ROOT,
        "FlatMemoryTest: %d steps, resident memory %+d KiB after the first third%n",
        steps,
        growth >> 10);
    // A step makes about 1 MB of tensors; a kilobyte kept of each would be 3 MB in the long form.
    assertThat(growth).isLessThan(4L << 20);
  }

  /** Trains, and prints by how many bytes the process grew after the first third of the steps. */
  public static void main(String[] arguments) {
    int steps = Integer.parseInt(arguments[0]);
    Trainer.Settings settings =
        new Trainer.Settings(
            1e-3, 0.01, 5, new LearningRate.Constant(), new WeightAverageSettings(0.99, 100, 0));
    try (Lifter lifter = new Lifter();
        LiftSplatPlan plan = LiftSplatPlan.build(geometry());
        Trainer trainer = new Trainer(lifter, settings, 1)) {
      float[] image = floats(2 * 3 * HEIGHT * WIDTH);
      double first = run(trainer, lifter, plan, image, steps / 3);
      long settled = resident();
      double last = run(trainer, lifter, plan, image, steps);
      System.out.println("loss " + first + " " + last);
      System.out.println("growth " + (resident() - settled));
      System.exit(last < first ? 0 : 1);
    }
  }

  private static double run(
      Trainer trainer, Lifter lifter, LiftSplatPlan plan, float[] image, int until) {
    double loss = Double.NaN;
    while (trainer.step() < until) {
      loss = trainer.step(() -> loss(lifter, plan, image)).loss();
    }
    return loss;
  }

  private static LossTerms loss(Lifter lifter, LiftSplatPlan plan, float[] image) {
    Tensor features = lifter.features.forward(Tensors.of(image, 2, 3, HEIGHT, WIDTH));
    Tensor out = lifter.depth.forward(features);
    Tensor map =
        new LiftSplatFunction(plan, LiftSplatOptions.DEFAULT)
            .lift(out.narrow(1, 0, BINS), out.narrow(1, BINS, CONTEXT))
            .map();
    return new LossTerms().add("square", map.sub(Tensors.of(floats(1), 1)).square().mean());
  }

  private static LiftSplatGeometry geometry() {
    double[] intrinsics = {60, 0, 48, 0, 60, 32, 0, 0, 1};
    double[] forward = {0, 0, 1, 1, -1, 0, 0, 0, 0, -1, 0, 1.5, 0, 0, 0, 1};
    double[] backward = {0, 0, -1, -1, 1, 0, 0, 0, 0, -1, 0, 1.5, 0, 0, 0, 1};
    return LiftSplatGeometry.builder()
        .cameras(2)
        .grid(BevGrid.of(range(-32, 32, 1), range(-32, 32, 1), range(-5, 3, 8)))
        .depth(BINS, 1, 1)
        .imageSize(64, 96)
        .featureSize(HEIGHT, WIDTH)
        .intrinsics(twice(intrinsics, intrinsics))
        .cameraToBev(twice(forward, backward))
        .build();
  }

  private static double[] twice(double[] a, double[] b) {
    double[] both = java.util.Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  private static float[] floats(int count) {
    Random random = new Random(7);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat();
    }
    return values;
  }

  private static long resident() {
    System.gc();
    return Memory.residentBytes();
  }
}
