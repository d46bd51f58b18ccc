package dev.bevel.torch.train;

import static dev.bevel.kernels.BevGrid.Axis.range;
import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.torch.autograd.LiftSplatFunction;
import dev.bevel.torch.autograd.LiftSplatOptions;
import dev.bevel.torch.head.LossTerms;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * A training loop through convolution, lift-splat and loss whose resident memory stays flat: 400
 * steps here, 5,000 with {@code -Dbevel.test.long=true}.
 */
class FlatMemoryTest {
  private static final Path STATUS = Path.of("/proc/self/statm");
  private static final int PAGE = 4096;
  private static final int CONTEXT = 8;
  private static final int BINS = 24;
  private static final int HEIGHT = 8;
  private static final int WIDTH = 12;

  private static final class Lifter extends Module {
    private final Conv2d depth;

    Lifter() {
      try (Initializer init = Initializer.seeded(1)) {
        depth =
            child("depth", new Conv2d(Conv2d.Shape.same(3, BINS + CONTEXT, 3).withBias(), init));
      }
    }
  }

  @Test
  void residentMemoryStaysFlat() throws IOException {
    Assumptions.assumeTrue(Files.isReadable(STATUS), "skipped: needs /proc to see resident memory");
    int steps = Boolean.getBoolean("bevel.test.long") ? 5000 : 400;
    Trainer.Settings settings =
        new Trainer.Settings(
            1e-3, 0.01, 5, new LearningRate.Constant(), new WeightAverage.Settings(0.99, 100, 0));
    try (Lifter lifter = new Lifter();
        LiftSplatPlan plan = LiftSplatPlan.build(geometry());
        Trainer trainer = new Trainer(lifter, settings, 1)) {
      float[] image = floats(2 * 3 * HEIGHT * WIDTH);
      double first = run(trainer, lifter, plan, image, steps / 4);
      long settled = resident();
      double last = run(trainer, lifter, plan, image, steps);
      long growth = resident() - settled;
      System.out.printf(
          "flat memory: %d steps, %d KiB resident after a quarter, %+d KiB since%n",
          steps, settled >> 10, growth >> 10);
      assertThat(last).isLessThan(first);
      // A step makes 0.7 MB of tensors. Were a hundredth of them kept, the growth would be several
      // times this.
      assertThat(growth).isLessThan(2L << 20 | steps * 1500L);
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
    Tensor out = lifter.depth.forward(Tensors.of(image, 2, 3, HEIGHT, WIDTH));
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

  private static long resident() throws IOException {
    System.gc();
    return Long.parseLong(Files.readString(STATUS).split(" ")[1]) * PAGE;
  }
}
