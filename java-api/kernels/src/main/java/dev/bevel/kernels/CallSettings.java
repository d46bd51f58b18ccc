package dev.bevel.kernels;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How a call of an operator is carried out, whatever the operator: {@link #DEFAULT}, or what the
 * {@code with} methods make of it. Results depend on none of it, but for {@link Determinism#FAST}.
 *
 * <p>Immutable.
 */
public final class CallSettings {
  /**
   * The default stream (on CUDA), {@link Bevel#threads()} (on the CPU), memory of the library's own
   * (on the CPU), and {@link Determinism#STRICT}.
   */
  public static final CallSettings DEFAULT = new CallSettings(0, 0, null, Determinism.STRICT);

  /** BEVEL_MAX_THREADS of the C library. */
  private static final int MAX_THREADS = 4096;

  private final long stream;
  private final int threads;
  private final @Nullable Workspace workspace;
  private final Determinism determinism;

  private CallSettings(
      long stream, int threads, @Nullable Workspace workspace, Determinism determinism) {
    this.stream = stream;
    this.threads = threads;
    this.workspace = workspace;
    this.determinism = determinism;
  }

  /**
   * These settings on another CUDA stream, which the work is enqueued on.
   *
   * @param cudaStream a {@code cudaStream_t}; 0 is the default stream and the only one on the CPU
   */
  public CallSettings withStream(long cudaStream) {
    return new CallSettings(cudaStream, threads, workspace, determinism);
  }

  /**
   * These settings with a number of threads on the CPU in place of {@link Bevel#threads()}. A
   * workspace of a fixed size that holds fewer threads' memory runs the call on as many as fit.
   *
   * @param count 1 to 4096; 0: {@link Bevel#threads()}
   */
  public CallSettings withThreads(int count) {
    return new CallSettings(
        stream, requireThreads(CallSettings.class, "count", count, 0), workspace, determinism);
  }

  /** A number of threads, checked where it is given and so told by that name. */
  static int requireThreads(Class<?> of, String name, int count, int least) {
    if (count < least || count > MAX_THREADS) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "%s: %s must be 1 to %d threads%s, got %d",
              of.getSimpleName(),
              name,
              MAX_THREADS,
              least == 0 ? ", or 0 for Bevel.threads()" : "",
              count));
    }
    return count;
  }

  /**
   * These settings with scratch memory of the caller, for operators that need some; others do not
   * touch it. On CUDA it must be given. On the CPU nobody needs it for speed: calls without one
   * take memory that the library keeps, one workspace for each call that runs at a time ({@link
   * Bevel#freeWorkspaces}).
   *
   * @param scratchMemory of the operator's {@code workspaceBytes} or more, or growable ({@link
   *     Workspace#cpu}), or an allocator's ({@link Workspace#from}); calls that share one run one
   *     after the other
   */
  public CallSettings withWorkspace(Workspace scratchMemory) {
    Given.argument(scratchMemory, CallSettings.class, "scratchMemory");
    return new CallSettings(stream, threads, scratchMemory, determinism);
  }

  /**
   * These settings with another way of adding up, in backward passes, the gradient of what is
   * sampled (value maps, features, input). The other gradients, and forward passes, are always
   * strict.
   *
   * @param choice the order of additions
   */
  public CallSettings withDeterminism(Determinism choice) {
    Given.argument(choice, CallSettings.class, "choice");
    return new CallSettings(stream, threads, workspace, choice);
  }

  /** The {@code cudaStream_t}; 0: the default stream. */
  public long stream() {
    return stream;
  }

  /** Threads on the CPU; 0: {@link Bevel#threads()}. */
  public int threads() {
    return threads;
  }

  /** Scratch memory of the caller, or null. */
  public @Nullable Workspace workspace() {
    return workspace;
  }

  /** How backward passes add up. */
  public Determinism determinism() {
    return determinism;
  }

  /** The settings that are not left to the library, by name. */
  @Override
  public String toString() {
    return Described.as(
        CallSettings.class,
        "stream",
        stream == 0 ? null : String.format(Locale.ROOT, "0x%x", stream),
        "threads",
        threads == 0 ? null : threads,
        "workspace",
        workspace,
        "determinism",
        determinism);
  }
}
