package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.ADDRESS;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Calls of deleters: those of others, and others' calls of ours. */
@SuppressWarnings("restricted") // what it is for
public final class DlPackCalls {
  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.kernels");
  private static final FunctionDescriptor DELETER = FunctionDescriptor.ofVoid(ADDRESS);

  // Made at the first use and not when the class is initialised: without native access that throws,
  // and what a static initialiser throws is told once.
  private static @Nullable MethodHandle call;
  private static @Nullable MemorySegment ours;

  /** What ends with a tensor that was handed out, by the struct's address. */
  private static final Map<Long, Runnable> GIVEN = new ConcurrentHashMap<>();

  private DlPackCalls() {}

  private static synchronized MethodHandle call() {
    NativeLibrary.require();
    if (call == null) {
      call = Linker.nativeLinker().downcallHandle(DELETER);
    }
    return call;
  }

  private static synchronized MemorySegment ours() {
    NativeLibrary.require();
    if (ours == null) {
      ours = stub();
    }
    return ours;
  }

  private static MemorySegment stub() {
    try {
      MethodHandle target =
          MethodHandles.lookup()
              .findStatic(
                  DlPackCalls.class,
                  "ended",
                  MethodType.methodType(void.class, MemorySegment.class));
      return Linker.nativeLinker().upcallStub(target, DELETER, Arena.global());
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  /** A struct of somebody's, whose address is all that is known. */
  public static MemorySegment struct(long address, long bytes) {
    NativeLibrary.require();
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  /**
   * Calls a deleter.
   *
   * @param deleter its address; 0: there is none, and nothing to do
   * @param struct the address of the tensor that it deletes
   */
  public static void delete(long deleter, long struct) {
    if (deleter == 0) {
      return;
    }
    MethodHandle function = call();
    try {
      function.invokeExact(MemorySegment.ofAddress(deleter), MemorySegment.ofAddress(struct));
    } catch (Throwable failure) {
      throw Abi.rethrow(failure);
    }
  }

  /**
   * The deleter of a tensor that is handed out.
   *
   * @param struct the tensor's address
   * @param end run once, when the deleter is called with it
   */
  public static long deleterOf(long struct, Runnable end) {
    long function = ours().address();
    GIVEN.put(struct, end);
    return function;
  }

  /** The deleter. Nothing may be thrown through native code. */
  private static void ended(MemorySegment struct) {
    Runnable end = GIVEN.remove(struct.address());
    if (end == null) {
      LOG.error(
          "DLPack: the deleter was called for 0x{}, which is not in use",
          Long.toHexString(struct.address()));
      return;
    }
    try {
      end.run();
    } catch (Throwable failure) {
      LOG.error("DLPack: the end of a tensor failed", failure);
    }
  }
}
