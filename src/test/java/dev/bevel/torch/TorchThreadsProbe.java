package dev.bevel.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.pytorch.global.torch;

/**
 * Starts LibTorch and prints its threads and the variables that its libraries read; run in JVMs of
 * their own by {@link TorchThreadsTest}.
 */
final class TorchThreadsProbe {
  private TorchThreadsProbe() {}

  public static void main(String[] arguments) throws Throwable {
    Torch.initialize();
    System.out.println("threads " + torch.get_num_threads());
    Thread other =
        new Thread(() -> System.out.println("of another thread " + torch.get_num_threads()));
    other.start();
    other.join();
    for (String variable :
        new String[] {"GOMP_SPINCOUNT", "OPENBLAS_THREAD_TIMEOUT", "OPENBLAS_NUM_THREADS"}) {
      System.out.println(variable + " " + environment(variable));
    }
  }

  /** What native code sees; Java's own view is of the process's start. */
  @SuppressWarnings("restricted")
  private static String environment(String variable) throws Throwable {
    Linker linker = Linker.nativeLinker();
    MemoryLayout text = MemoryLayout.sequenceLayout(Long.MAX_VALUE, ValueLayout.JAVA_BYTE);
    var getenv =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("getenv"),
            FunctionDescriptor.of(ValueLayout.ADDRESS.withTargetLayout(text), ValueLayout.ADDRESS));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = (MemorySegment) getenv.invokeExact(arena.allocateFrom(variable));
      return value.address() == 0 ? "not set" : value.getString(0);
    }
  }
}
