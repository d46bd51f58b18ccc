package dev.bevel.cli;

import dev.bevel.nuscenes.PathFaults;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;

/**
 * The process's standard output, which remembers that something could not be written. Java's own
 * writers forget why, and a command must not end well if nobody got what it printed.
 */
final class StandardOutput extends OutputStream {
  /** What shells report of a command whose reader went away: 128 + SIGPIPE. */
  private static final int READER_GONE = 141;

  private final OutputStream out = new FileOutputStream(FileDescriptor.out);
  private @Nullable IOException failure;

  /** A writer in the character set that the terminal has. */
  PrintWriter writer() {
    return new PrintWriter(new OutputStreamWriter(this, System.out.charset()), true);
  }

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) {
    if (failure != null) {
      return; // the command goes on: what it writes to files is wanted all the same
    }
    try {
      out.write(bytes, offset, length);
    } catch (IOException e) {
      failure = e;
    }
  }

  /**
   * The status to end with. A reader that went away ({@code bevel eval … | head}) is nothing to
   * speak of: the status alone tells, as that of other tools does.
   *
   * @param status of the command
   */
  int status(int status, PrintWriter err) {
    if (failure == null || status != 0) {
      return status;
    }
    String words = PathFaults.reason(failure);
    if (words.contains("Broken pipe")) {
      return READER_GONE;
    }
    err.println("bevel: standard output: cannot be written: " + words);
    err.flush();
    return Main.FAILED;
  }
}
