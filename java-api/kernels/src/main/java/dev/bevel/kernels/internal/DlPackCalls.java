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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Calls of deleters: those of others, and others' calls of ours. */
@SuppressWarnings("restricted") // what it is for
public final class DlPackCalls {
  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.kernels");
  private static final Linker LINKER = Linker.nativeLinker();
  private static final FunctionDescriptor DELETER = FunctionDescriptor.ofVoid(ADDRESS);
  private static final MethodHandle CALL = LINKER.downcallHandle(DELETER);

  /** What ends with a tensor that was handed out, by the struct's address. */
  private static final Map<Long, Runnable> GIVEN = new ConcurrentHashMap<>();

  private static final MemorySegment OURS = stub();

  private DlPackCalls() {}

  private static MemorySegment stub() {
    try {
      MethodHandle target =
          MethodHandles.lookup()
              .findStatic(
                  DlPackCalls.class,
                  "ended",
                  MethodType.methodType(void.class, MemorySegment.class));
      return LINKER.upcallStub(target, DELETER, Arena.global());
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  /** A struct of somebody's, whose address is all that is known. */
  public static MemorySegment struct(long address, long bytes) {
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
    try {
      CALL.invokeExact(MemorySegment.ofAddress(deleter), MemorySegment.ofAddress(struct));
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
    GIVEN.put(struct, end);
    return OURS.address();
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
