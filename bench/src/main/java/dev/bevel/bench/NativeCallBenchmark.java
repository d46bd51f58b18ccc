package dev.bevel.bench;

import dev.bevel.bench.liftsplat.EmptyLiftSplat;
import dev.bevel.javacpp.JavaCpp;
import dev.bevel.javacpp.abi.BevelAbi;
import dev.bevel.kernels.Bevel;
import java.util.List;
import java.util.Locale;

/**
 * What a call from Java to C and back costs before any work is done, through Panama ({@code bevel})
 * and through JavaCPP, on one thread.
 *
 * <ul>
 *   <li>{@code get-threads}: a function without arguments that returns an int.
 *   <li>{@code lift-splat-empty}: lift-splat forward of an empty batch, the query of its workspace
 *       included, all arguments checked. {@code bevel} and {@code javacpp} describe the tensors at
 *       every call, {@code javacpp_prepared} has done so once.
 * </ul>
 */
public final class NativeCallBenchmark implements OperatorBenchmark {
  private static final String GET_THREADS = "get-threads";
  private static final String EMPTY = "lift-splat-empty";
  private static final int REPEATS = 1000;

  /** Where results go that nobody needs, so that the calls are needed. */
  private static volatile int sink;

  /** The cases named above. */
  public NativeCallBenchmark() {}

  @Override
  public String operator() {
    return "native-call";
  }

  @Override
  public List<String> cases(BenchmarkOptions options) {
    return List.of(GET_THREADS, EMPTY);
  }

  @Override
  public void run(String caseName, BenchmarkSession session) {
    BenchmarkSession.useThreads(1);
    JavaCpp.initialize();
    if (caseName.equals(GET_THREADS)) {
      if (BevelAbi.bevel_get_num_threads() != Bevel.threads()) {
        throw new VerificationException(
            String.format(
                Locale.ROOT,
                "javacpp: threads must be %d, got %d",
                Bevel.threads(),
                BevelAbi.bevel_get_num_threads()));
      }
      time(session, caseName, "int32", BenchmarkReport.BEVEL, () -> sink = Bevel.threads());
      time(session, caseName, "int32", "javacpp", () -> sink = BevelAbi.bevel_get_num_threads());
      return;
    }
    try (EmptyLiftSplat empty = new EmptyLiftSplat()) {
      time(session, caseName, "fp32", BenchmarkReport.BEVEL, empty::panama);
      time(session, caseName, "fp32", "javacpp", empty::javacpp);
      time(session, caseName, "fp32", "javacpp_prepared", empty::javacppPrepared);
    }
  }

  private void time(
      BenchmarkSession session, String caseName, String dtype, String variant, Runnable call) {
    if (!session.times(variant)) {
      return;
    }
    BenchmarkKey key = new BenchmarkKey(operator(), caseName, Pass.FORWARD, dtype, "cpu", 1);
    session.report().add(key, variant, Timing.measureShort(session.budget(), REPEATS, call), 0);
  }
}
