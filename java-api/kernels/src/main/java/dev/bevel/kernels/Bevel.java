package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeCapabilities;
import dev.bevel.kernels.internal.NativeLibrary;
import java.nio.file.Path;

/**
 * The native library: which one was loaded, what it can do here, and its settings. It is loaded by
 * the first call that needs it; {@link #load} does it at once. What was loaded and why is logged by
 * SLF4J under {@code dev.bevel.kernels}.
 *
 * <p>System properties, read at loading:
 *
 * <ul>
 *   <li>{@code bevel.library.path}: folder that holds libbevel.so (and libbevel_cuda.so), in place
 *       of the class path
 *   <li>{@code bevel.cache}: folder that native files of the class path are unpacked to, those of
 *       LibTorch too. Default: {@code ~/.cache/bevel}, or where that cannot be used {@code
 *       bevel-USERNUMBER} in {@code java.io.tmpdir}. Nobody but the user and root may be able to
 *       change it, and its file system must allow execution. Entries that nobody has used for 30
 *       days are deleted
 *   <li>{@code bevel.device}: {@code auto} (the default), or {@code cuda}, which makes a missing
 *       CUDA an error
 * </ul>
 *
 * <p>A library that cannot be loaded is a {@link BevelException} with {@link Status#NOT_LOADED}, at
 * every use.
 */
public final class Bevel {
  private Bevel() {}

  /** Loads the library if that has not been done. */
  public static void load() {
    NativeLibrary.require();
  }

  /** Version of the loaded library, for example 0.1.0. */
  public static String version() {
    return NativeLibrary.text(NativeLibrary.version());
  }

  /** The file that was loaded. */
  public static Path libraryPath() {
    return NativeLibrary.path();
  }

  /** Why it is that file, in words: what it was unpacked from, or which property names it. */
  public static String libraryOrigin() {
    return NativeLibrary.origin();
  }

  /** What the library can do on this machine. Looks for CUDA if that has not been done. */
  public static Capabilities capabilities() {
    NativeCapabilities found = NativeCapabilities.current();
    return new Capabilities(
        found.cudaLibrary(),
        found.cudaDevices(),
        found.cudaRuntime(),
        found.cudaDriver(),
        found.cudaArchitectures(),
        found.cudaReason());
  }

  /** Fails with {@link Status#NO_CUDA} and the reason unless operators can run on a CUDA device. */
  public static void requireCuda() {
    NativeCapabilities.current().requireCuda("Bevel.requireCuda");
  }

  /** The instruction set that CPU bodies use; at first the best one that the machine has. */
  public static InstructionSet instructionSet() {
    return NativeLibrary.instructionSet();
  }

  /**
   * Chooses an instruction set for the whole process, for tests and measurements.
   *
   * @param choice fails with {@link Status#UNSUPPORTED} where the machine lacks it
   */
  public static void setInstructionSet(InstructionSet choice) {
    NativeLibrary.instructionSet(Given.argument(choice, Bevel.class, "choice"));
  }

  /**
   * Threads of a call on the CPU that asks for none itself ({@link CallSettings#withThreads}). At
   * first the environment's BEVEL_NUM_THREADS, else OMP_NUM_THREADS, else {@link
   * Runtime#availableProcessors}, which honours cgroup quotas, affinity and {@code
   * -XX:ActiveProcessorCount}. A BEVEL_NUM_THREADS that is no number from 1 to 4096 fails the
   * loading.
   *
   * <p>However many calls run at a time, the library has at most one native thread less than the
   * largest number that any of them asked for, and at most 255: calls share them, and each works on
   * its own Java thread itself. A call that finds them busy, or for which none can be created, does
   * with fewer.
   */
  public static int threads() {
    return NativeLibrary.threads();
  }

  /**
   * Who said that there be so many {@link #threads()}, for people: {@code the JVM's available
   * processors}, {@code BEVEL_NUM_THREADS=3}, {@code set by the program} and so on.
   */
  public static String threadsReason() {
    return NativeLibrary.threadsReason();
  }

  /**
   * Sets the number of threads for the whole process. Results do not depend on it, not even in the
   * last bit. Calls that are running keep theirs.
   *
   * @param count 1 to 4096
   */
  public static void setThreads(int count) {
    NativeLibrary.threads(CallSettings.requireThreads(Bevel.class, "count", count, 1));
  }

  /**
   * Frees the scratch memory that the library keeps for calls on the CPU without a workspace of
   * their own ({@link CallSettings#withWorkspace}) and that no call is using now. It keeps one
   * workspace for each of the calls that ran at a time, as large as the largest of its calls
   * needed, and gives up one that has been much too large for many calls; so nobody needs to call
   * this, unless memory is short after a phase of large calls.
   */
  public static void freeWorkspaces() {
    WorkspacePool.freeIdle();
  }
}
