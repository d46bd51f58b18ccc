package dev.bevel.bench.jmh;

import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.liftsplat.EmptyLiftSplat;
import dev.bevel.javacpp.abi.BevelAbi;
import dev.bevel.kernels.Bevel;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What a call of an operator costs before any work is done. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@State(Scope.Thread)
public class NativeCallBenchmarks {
  private final EmptyLiftSplat empty = new EmptyLiftSplat();

  /** One thread: starting a team of threads is no part of a call. */
  @Setup(Level.Trial)
  public void setUp() {
    BenchmarkSession.useThreads(1);
  }

  /** Lift-splat of an empty batch through {@code dev.bevel.kernels}. */
  @Benchmark
  public void panama() {
    empty.panama();
  }

  /** The same through {@code dev.bevel.javacpp}, describing the tensors anew. */
  @Benchmark
  public void javacpp() {
    empty.javacpp();
  }

  /** The same through {@code dev.bevel.javacpp} with tensors described before. */
  @Benchmark
  public void javacppPrepared() {
    empty.javacppPrepared();
  }

  /** A function without arguments through {@code dev.bevel.kernels}. */
  @Benchmark
  public int getThreadsPanama() {
    return Bevel.threads();
  }

  /** The same through {@code dev.bevel.javacpp}. */
  @Benchmark
  public int getThreadsJavacpp() {
    return BevelAbi.bevel_get_num_threads();
  }

  /** Frees it. */
  @TearDown(Level.Trial)
  public void tearDown() {
    empty.close();
  }
}
