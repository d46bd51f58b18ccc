package dev.bevel.kernels;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Something native that several threads use and any thread may close; the one rule of closing for
 * plans, workspaces, modules and trainers. {@link #close} marks it and returns at once, uses that
 * begin later are refused, and the last running use frees it. Closing twice does nothing.
 *
 * <p>Lock-free: a use costs two atomic operations and allocates nothing.
 */
public final class SharedResource implements MemoryOwner, AutoCloseable {
  /** Sign bit of {@link #uses}: closed. The other bits count the running uses. */
  private static final int CLOSED = Integer.MIN_VALUE;

  private final String name;
  private final Runnable free;
  private final AtomicInteger uses = new AtomicInteger();

  /**
   * An open resource.
   *
   * @param name in messages, for example "LiftSplatPlan: the plan"
   * @param free run once, on the thread that closes or that ends the last use
   */
  public SharedResource(String name, Runnable free) {
    this.name = Given.argument(name, SharedResource.class, "name");
    this.free = Given.argument(free, SharedResource.class, "free");
  }

  @Override
  public boolean acquire() {
    int running = uses.get();
    while (running >= 0) {
      if (uses.compareAndSet(running, running + 1)) {
        return true;
      }
      running = uses.get();
    }
    return false;
  }

  /**
   * Begins a use; {@link #release} must follow.
   *
   * @throws IllegalStateException if the resource is closed; the message names it
   */
  public void use() {
    if (!acquire()) {
      throw closed();
    }
  }

  @Override
  public void release() {
    if (uses.decrementAndGet() == CLOSED) {
      free.run();
    }
  }

  /**
   * Refuses where there is nothing to use.
   *
   * @throws IllegalStateException if the resource is closed; the message names it
   */
  public void requireOpen() {
    if (isClosed()) {
      throw closed();
    }
  }

  /** Whether {@link #close} was called; running uses may still go on. */
  public boolean isClosed() {
    return uses.get() < 0;
  }

  @Override
  public String whyClosed() {
    return name + " is closed";
  }

  /** Marks the resource closed, and frees it unless a use is running, whose end then frees it. */
  @Override
  public void close() {
    if (uses.getAndUpdate(running -> running | CLOSED) == 0) {
      free.run();
    }
  }

  private IllegalStateException closed() {
    return new IllegalStateException(whyClosed());
  }

  /** Its name, the uses that run, and whether it is closed. */
  @Override
  public String toString() {
    return Described.as(
        SharedResource.class,
        "name",
        name,
        "uses",
        uses.get() & ~CLOSED,
        "closed",
        isClosed() ? true : null);
  }
}
