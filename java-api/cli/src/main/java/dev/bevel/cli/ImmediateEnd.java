package dev.bevel.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Lets a command that leaves nothing half done be ended at once (Ctrl-C, SIGTERM), until it is
 * closed. The JVM's own way out takes LibTorch down under a running call, which then crashes; this
 * one runs no destructors.
 */
final class ImmediateEnd implements AutoCloseable {
  /** What shells report of a command ended by Ctrl-C. */
  private static final int INTERRUPTED = 130;

  private final Thread hook;

  @SuppressWarnings("restricted") // the command line enables native access
  ImmediateEnd() {
    Linker linker = Linker.nativeLinker();
    MethodHandle exit =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("_exit"),
            FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
    hook = new Thread(() -> leave(exit), "bevel-end");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private static void leave(MethodHandle exit) {
    try {
      exit.invokeExact(INTERRUPTED);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** The command has finished. */
  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending just now; the hook ends it.
    }
  }
}
