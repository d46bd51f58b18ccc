package dev.bevel.torch;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.loading.NativeEnvironment;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import org.bytedeco.pytorch.global.torch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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
 *
 * <p>libgomp ends the process when it cannot create a thread. So it is tried first whether as many
 * as it, OpenBLAS and the kernels together may want can be started here, and some more; where they
 * cannot, LibTorch and OpenBLAS get one, which needs none.
 */
final class TorchThreads {
  /**
   * About 10 µs: longer than most pauses between LibTorch's operations, and too short to keep a
   * processor from a thread that others wait for (bench/threads/measure.sh).
   */
  private static final String SPIN_COUNT = "1000";

  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.torch");

  /** libgomp's threads, OpenBLAS's and those of the kernels. */
  private static final int POOLS = 3;

  /** For what the JVM and LibTorch start besides. */
  private static final int SPARE = 8;

  private static int threads;

  private TorchThreads() {}

  /** To be called before the first library is opened; libgomp reads its variables then. */
  static void beforeLoading() {
    if (!NativeEnvironment.isSet("OMP_WAIT_POLICY")) {
      NativeEnvironment.setUnlessSet("GOMP_SPINCOUNT", SPIN_COUNT);
    }
    NativeEnvironment.setUnlessSet("OPENBLAS_THREAD_TIMEOUT", "4");
    if (!NativeEnvironment.isSet("OMP_NUM_THREADS")) {
      threads = startable(wanted(), Thread::new);
      NativeEnvironment.setUnlessSet("OPENBLAS_NUM_THREADS", Integer.toString(threads));
    }
  }

  /** To be called once LibTorch is loaded. */
  static void afterLoading() {
    if (!NativeEnvironment.isSet("OMP_NUM_THREADS")) {
      torch.set_num_threads(threads);
    }
  }

  /**
   * So many threads for each pool, the caller's one of them, or 1 where there is no room for them.
   */
  static int startable(int wanted, ThreadFactory factory) {
    if (wanted == 1) {
      return 1;
    }
    int tried = POOLS * (wanted - 1) + SPARE;
    int started = 0;
    CountDownLatch end = new CountDownLatch(1);
    try {
      for (; started < tried; started++) {
        Thread thread = factory.newThread(() -> awaitEnd(end));
        thread.setName("bevel-thread-probe-" + (started + 1));
        thread.setDaemon(true);
        thread.start();
      }
      return wanted;
    } catch (OutOfMemoryError cannotStart) { // "unable to create native thread"
      LOG.warn(
          "LibTorch works with one thread instead of {}: of {} more threads {} could be started here;"
              + " look at the limits of processes (ulimit -u, pids.max of the cgroup) and of memory",
          wanted,
          tried,
          started);
      return 1;
    } finally {
      end.countDown();
    }
  }

  private static void awaitEnd(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      // Nobody interrupts it; it ends all the same.
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
