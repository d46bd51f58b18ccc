package dev.bevel.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets a command finish what it is doing when the process is told to end (Ctrl-C, SIGTERM): until
 * it is closed, or a minute has passed, the process lives on. Without it the JVM takes LibTorch
 * down under a running step, which then crashes.
 */
final class OrderlyShutdown implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 60;

  /** For the words of a command that has finished. */
  private static final long WORDS_SECONDS = 2;

  private static final CountDownLatch SAID = new CountDownLatch(1);

  private final CountDownLatch finished = new CountDownLatch(1);
  private final Thread hook;

  /**
   * @param request asks the command to finish; called on another thread
   */
  OrderlyShutdown(Runnable request) {
    hook =
        new Thread(
            () -> {
              request.run();
              await();
            },
            "bevel-shutdown");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private void await() {
    try {
      if (!finished.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        System.err.println(
            "bevel: the command did not finish within " + PATIENCE_SECONDS + " seconds");
        return;
      }
      // Else the process could be gone before its last sentence is printed. A caller of Main.run
      // has no last word.
      boolean unused = SAID.await(WORDS_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** All that the process has to say is printed. */
  static void allIsSaid() {
    SAID.countDown();
  }

  /** The command has finished. */
  @Override
  public void close() {
    finished.countDown();
    if (!hook.isAlive()) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The process began to end just now; the hook finds the command finished.
      }
    }
  }
}
