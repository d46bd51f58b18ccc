package dev.bevel.torch;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.loading.NativeEnvironment;
import org.bytedeco.pytorch.global.torch;

/**
 * How many threads LibTorch has, and how they wait.
 *
 * <p>It has three kinds: GNU OpenMP's (libgomp), which spin for milliseconds after each operation
 * unless told otherwise; OpenBLAS's, which spin for 20 ms after each product; and its own. On a
 * machine that others use too, spinning takes the processor from the very threads that are waited
 * for. So before the libraries are loaded their variables are set, each only where it is not set
 * already:
 *
 * <ul>
 *   <li>{@code GOMP_SPINCOUNT}, unless {@code OMP_WAIT_POLICY} is set: rounds of spinning
 *   <li>{@code OPENBLAS_THREAD_TIMEOUT=4}: sleeps at once
 *   <li>{@code OPENBLAS_NUM_THREADS}, unless {@code OMP_NUM_THREADS} is set, which OpenBLAS reads
 *       too
 * </ul>
 *
 * <p>LibTorch gets as many threads as the kernels, {@link Bevel#threads()}, unless {@code
 * OMP_NUM_THREADS} says otherwise: by itself it would take all processors of the machine, whatever
 * its quota.
 */
final class TorchThreads {
  /**
   * About 10 µs: longer than most pauses between LibTorch's operations, and too short to keep a
   * processor from a thread that others wait for (bench/threads/measure.sh).
   */
  private static final String SPIN_COUNT = "1000";

  private TorchThreads() {}

  /** To be called before the first library is opened; libgomp reads its variables then. */
  static void beforeLoading() {
    if (!NativeEnvironment.isSet("OMP_WAIT_POLICY")) {
      NativeEnvironment.setUnlessSet("GOMP_SPINCOUNT", SPIN_COUNT);
    }
    NativeEnvironment.setUnlessSet("OPENBLAS_THREAD_TIMEOUT", "4");
    if (!NativeEnvironment.isSet("OMP_NUM_THREADS")) {
      NativeEnvironment.setUnlessSet("OPENBLAS_NUM_THREADS", Integer.toString(wanted()));
    }
  }

  /** To be called once LibTorch is loaded. */
  static void afterLoading() {
    if (!NativeEnvironment.isSet("OMP_NUM_THREADS")) {
      torch.set_num_threads(wanted());
    }
  }

  /** Those of the kernels; the JVM's processors where the kernels cannot be loaded. */
  private static int wanted() {
    try {
      return Bevel.threads();
    } catch (BevelException notLoaded) {
      return Runtime.getRuntime().availableProcessors();
    }
  }
}
