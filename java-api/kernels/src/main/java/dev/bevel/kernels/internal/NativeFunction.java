package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * A function of the C ABI that takes a struct and one 64-bit integer or pointer and returns a
 * status: an operator (params, stream), or the query of its workspace (params, bytes).
 *
 * <p>A call passes, after the C function's own arguments, the segments of its tensors. The C
 * function does not see them (in every 64-bit calling convention the caller owns surplus
 * arguments); the linker does, and keeps their arenas from being closed until the call returns.
 * Without that, {@code Arena.close()} on another thread would free memory under a running kernel.
 *
 * <p>Belongs in a static final field: the JIT compiler then takes the handle, a record's field, for
 * a constant. The field belongs in a nested class, which is initialised by the first call, after
 * {@link Scratch#begin} has loaded the library or said why it cannot.
 *
 * @param handle (long, long, MemorySegment[]) to int
 * @param struct the first argument, whose names messages use
 * @param name in the C header
 */
public record NativeFunction(MethodHandle handle, CStruct struct, String name) {
  private static final int ARGUMENTS = 2;

  /**
   * Finds a function in the loaded library.
   *
   * @param name in the C header
   * @param struct its first argument
   * @param tensors that a call describes at most; each costs a few nanoseconds a call
   */
  public static NativeFunction of(String name, CStruct struct, int tensors) {
    MemoryLayout[] parameters = new MemoryLayout[ARGUMENTS + tensors];
    Arrays.fill(parameters, 0, ARGUMENTS, JAVA_LONG);
    Arrays.fill(parameters, ARGUMENTS, parameters.length, ADDRESS);
    MethodHandle function = Abi.bind(name, FunctionDescriptor.of(JAVA_INT, parameters));
    return new NativeFunction(function.asSpreader(MemorySegment[].class, tensors), struct, name);
  }

  /**
   * Calls the function with the struct of the scratch memory. Small enough to be inlined, so that
   * the handle is a constant at every use.
   *
   * @param scratch begun with this function's struct and number of tensors
   * @param second second argument of the C function
   * @throws dev.bevel.kernels.BevelException if the status is not 0
   */
  public void call(Scratch scratch, long second) {
    Substitute substitute = scratch.substitute();
    if (substitute != null) {
      Abi.check(substitute.call(name, scratch.address(0), second), struct);
      return;
    }
    try {
      Abi.check((int) handle.invokeExact(scratch.address(0), second, scratch.held()), struct);
    } catch (Throwable failure) {
      throw Abi.rethrow(failure);
    }
  }

  /** Calls a query, and returns the 64-bit number that it gives. */
  public long query(Scratch scratch) {
    long result = scratch.longs(1);
    call(scratch, scratch.address(result));
    return scratch.getLong(result);
  }
}
