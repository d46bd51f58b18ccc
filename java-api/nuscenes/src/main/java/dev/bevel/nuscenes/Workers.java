package dev.bevel.nuscenes;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads for work in parts, one a processor. */
final class Workers implements AutoCloseable {
  private final ExecutorService threads =
      Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());

  /** Begins a part of the work. */
  <T> Future<T> begin(Callable<T> work) {
    return threads.submit(work);
  }

  /** Waits for parts, in their order: of several failures the first is thrown. */
  static void await(List<Future<?>> parts) {
    parts.forEach(Workers::result);
  }

  /**
   * Waits for a part.
   *
   * @throws NuScenesException if the waiting was interrupted; otherwise throws what the work threw
   */
  static <T> T result(Future<T> part) {
    try {
      return part.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      if (e.getCause() instanceof RuntimeException unchecked) {
        throw unchecked;
      }
      throw new NuScenesException("loading failed: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new NuScenesException("loading was interrupted", e);
    }
  }

  /** Ends what is still running. */
  @Override
  public void close() {
    threads.shutdownNow();
    threads.close();
  }
}
