package dev.bevel.bench.jmh;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.CameraRig;
import dev.bevel.bench.Variant;
import dev.bevel.bench.liftsplat.LiftSplatShape;
import dev.bevel.bench.liftsplat.LiftSplatVariants;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Lift-splat forward, backward and planning at the published shapes, Bevel and its peers. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class LiftSplatBenchmarks {
  /** What all states have. */
  @State(Scope.Thread)
  public abstract static class Problem {
    /** Name of the published shape. */
    @Param({"bevdet", "bevdepth", "bevfusion"})
    public String shape = "";

    /** Threads of Bevel and of LibTorch. */
    @Param({"1", "2"})
    public int threads;

    private @Nullable LiftSplatVariants variants;
    private Runnable work = () -> {};

    abstract List<Variant> choices(LiftSplatVariants all);

    abstract String chosen();

    /** Makes the inputs and verifies the variant. */
    @Setup(Level.Trial)
    public void setUp() {
      LiftSplatVariants all =
          new LiftSplatVariants(
              LiftSplatShape.published(shape),
              CameraRig.sixCameras(),
              BenchmarkOptions.DEFAULT_SEED);
      variants = all;
      BenchmarkSession.useThreads(threads);
      Variant variant =
          choices(all).stream()
              .filter(choice -> choice.name().equals(chosen()))
              .findFirst()
              .orElseThrow(() -> new IllegalArgumentException("no variant " + chosen()));
      if (variant.singleThreaded() && threads != 1) {
        throw new IllegalArgumentException(chosen() + " runs on one thread: pass -p threads=1");
      }
      all.verify(variant);
      work = variant.call();
    }

    void call() {
      work.run();
    }

    /** Frees the inputs. */
    @TearDown(Level.Trial)
    public void tearDown() {
      if (variants != null) {
        variants.close();
      }
    }
  }

  /** Inputs of forward. */
  public static class Forward extends Problem {
    /** Who computes. */
    @Param({
      "bevel",
      "libtorch",
      "interval_loop",
      "interval_loop_by_point",
      "bevel_logits",
      "bevel_channels_first"
    })
    public String variant = "";

    @Override
    List<Variant> choices(LiftSplatVariants all) {
      return all.forward();
    }

    @Override
    String chosen() {
      return variant;
    }
  }

  /** Inputs of backward. */
  public static class Backward extends Problem {
    /** Who computes. */
    @Param({
      "bevel",
      "libtorch",
      "interval_loop",
      "interval_loop_by_point",
      "bevel_logits",
      "bevel_channels_first"
    })
    public String variant = "";

    @Override
    List<Variant> choices(LiftSplatVariants all) {
      return all.backward();
    }

    @Override
    String chosen() {
      return variant;
    }
  }

  /** Inputs of forward and backward in one. */
  public static class ForwardBackward extends Problem {
    /** Who computes. */
    @Param({"bevel", "libtorch"})
    public String variant = "";

    @Override
    List<Variant> choices(LiftSplatVariants all) {
      return all.forwardBackward();
    }

    @Override
    String chosen() {
      return variant;
    }
  }

  /** Inputs of planning. */
  public static class Planning extends Problem {
    /** Who computes. */
    @Param({"bevel", "libtorch_argsort"})
    public String variant = "";

    @Override
    List<Variant> choices(LiftSplatVariants all) {
      return all.planning();
    }

    @Override
    String chosen() {
      return variant;
    }
  }

  /** The map. */
  @Benchmark
  public void forward(Forward state) {
    state.call();
  }

  /** The gradients. */
  @Benchmark
  public void backward(Backward state) {
    state.call();
  }

  /** The map, then the gradients. */
  @Benchmark
  public void forwardBackward(ForwardBackward state) {
    state.call();
  }

  /** The plan or the ranks. */
  @Benchmark
  public void planning(Planning state) {
    state.call();
  }
}
