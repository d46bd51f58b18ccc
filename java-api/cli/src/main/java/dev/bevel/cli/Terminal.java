package dev.bevel.cli;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Whether a standard stream is a terminal and how wide that is, asked of the C library. */
final class Terminal {
  static final int OUTPUT = 1;
  static final int ERROR = 2;

  /** Of a terminal that does not tell. */
  private static final int USUAL = 80;

  /** The request for {@code struct winsize} on Linux; a MIPS or PowerPC machine has another. */
  private static final long TIOCGWINSZ = 0x5413;

  private Terminal() {}

  /**
   * Columns of a terminal.
   *
   * @param stream {@link #OUTPUT} or {@link #ERROR}
   * @return 0 if the stream leads elsewhere
   */
  @SuppressWarnings("restricted") // the command line enables native access
  static int columns(int stream) {
    Linker linker = Linker.nativeLinker();
    var isatty = linker.defaultLookup().find("isatty");
    var ioctl = linker.defaultLookup().find("ioctl");
    if (isatty.isEmpty() || ioctl.isEmpty()) {
      return 0;
    }
    MethodHandle ask =
        linker.downcallHandle(
            isatty.get(), FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    MethodHandle control =
        linker.downcallHandle(
            ioctl.get(),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG,
                ValueLayout.ADDRESS),
            Linker.Option.firstVariadicArg(2));
    try (Arena arena = Arena.ofConfined()) {
      if ((int) ask.invokeExact(stream) != 1) {
        return 0;
      }
      MemorySegment size = arena.allocate(ValueLayout.JAVA_SHORT, 4); // rows, columns, pixels
      int failed = (int) control.invokeExact(stream, TIOCGWINSZ, size);
      int columns = Short.toUnsignedInt(size.getAtIndex(ValueLayout.JAVA_SHORT, 1));
      return failed != 0 || columns == 0 ? USUAL : columns;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
