package dev.bevel.testing;

import dev.bevel.kernels.Bevel;
import dev.bevel.torch.TensorScope;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Opens a tensor scope around each test, and lets Bevel work on one thread: for tests of thousands
 * of tiny calls, in which waking threads would cost more than the work.
 */
public final class OneThreadScope
    implements BeforeAllCallback, AfterAllCallback, BeforeEachCallback, AfterEachCallback {
  private int threads;
  private @Nullable TensorScope scope;

  @Override
  public void beforeAll(ExtensionContext context) {
    threads = Bevel.threads();
    Bevel.setThreads(1);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    Bevel.setThreads(threads);
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    scope = TensorScope.open();
  }

  @Override
  public void afterEach(ExtensionContext context) {
    if (scope != null) {
      scope.close();
    }
  }
}
