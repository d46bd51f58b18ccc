package dev.bevel.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.CountDownLatch;

/** A call of C's {@code bsearch} over a segment, which stays inside until it is told to leave. */
final class ForeignCall {
  private ForeignCall() {}

  @SuppressWarnings("restricted") // the tests enable native access
  static void during(MemorySegment segment, CountDownLatch inside, CountDownLatch leave) {
    Linker linker = Linker.nativeLinker();
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle compare =
          MethodHandles.insertArguments(
              MethodHandles.lookup()
                  .findStatic(
                      ForeignCall.class,
                      "wait",
                      MethodType.methodType(
                          int.class,
                          CountDownLatch.class,
                          CountDownLatch.class,
                          MemorySegment.class,
                          MemorySegment.class)),
              0,
              inside,
              leave);
      MemorySegment upcall =
          linker.upcallStub(
              compare,
              FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS),
              arena);
      MethodHandle search =
          linker.downcallHandle(
              linker.defaultLookup().findOrThrow("bsearch"),
              FunctionDescriptor.of(
                  ValueLayout.ADDRESS,
                  ValueLayout.ADDRESS,
                  ValueLayout.ADDRESS,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.ADDRESS));
      MemorySegment found = (MemorySegment) search.invokeExact(segment, segment, 1L, 4L, upcall);
      if (found.address() == 0) {
        throw new AssertionError("bsearch did not call");
      }
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static int wait(
      CountDownLatch inside, CountDownLatch leave, MemorySegment key, MemorySegment element)
      throws InterruptedException {
    inside.countDown();
    leave.await();
    return 0;
  }
}
