package dev.bevel.cli;

import java.io.PrintStream;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * Progress on standard error, which leaves standard output to what a command prints: a bar as wide
 * as the terminal, and where there is none (a file, a pipe, a build's log) a plain line now and
 * then.
 */
final class Progress implements AutoCloseable {
  /** A wider bar says nothing more. */
  private static final int MOST_COLUMNS = 150;

  private static final long NANOS_BETWEEN_LINES = 20_000_000_000L;

  /** Of a line beside task, counts and message: percentage, times and a bar of ten. */
  private static final int OTHER_COLUMNS = 45;

  private final String task;
  private final int columns;
  private long most;
  private final PrintStream err;
  private final @Nullable ProgressBar bar;
  private final long start = System.nanoTime();
  private long lastLine = start;
  private long done;
  private String message = "";

  private Progress(String task, long most, int columns, PrintStream err) {
    this.task = task;
    this.columns = Math.min(columns, MOST_COLUMNS);
    this.most = most;
    this.err = err;
    this.bar = columns == 0 ? null : bar(task, most, this.columns, err);
  }

  /**
   * Progress at its beginning.
   *
   * @param task its name
   * @param most the count it ends at
   */
  static Progress bar(String task, long most) {
    return new Progress(task, most, Terminal.columns(Terminal.ERROR), System.err);
  }

  /**
   * As {@link #bar(String, long)}.
   *
   * @param columns of the terminal, 0 if there is none
   */
  static Progress on(PrintStream err, int columns, String task, long most) {
    return new Progress(task, most, columns, err);
  }

  private static ProgressBar bar(String task, long most, int columns, PrintStream err) {
    return new ProgressBarBuilder()
        .setTaskName(task)
        .setInitialMax(most)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(500)
        .setMaxRenderedLength(columns)
        .setConsumer(new ConsoleProgressBarConsumer(err, columns))
        .build();
  }

  /** One more is done. */
  void step() {
    stepTo(done + 1);
  }

  /** So many are done. */
  void stepTo(long count) {
    done = count;
    if (bar != null) {
      bar.stepTo(count);
    } else if (System.nanoTime() - lastLine >= NANOS_BETWEEN_LINES) {
      lastLine = System.nanoTime();
      line();
    }
  }

  /** The count it ends at is another one than was said. */
  void maxHint(long count) {
    most = count;
    if (bar != null) {
      bar.maxHint(count);
    }
  }

  /**
   * What stands beside the bar, on a narrow terminal without the details.
   *
   * @param text shown as long as the line has room for it
   * @param details shown behind it if there is room for them too
   */
  void setExtraMessage(String text, String details) {
    message = text + details;
    if (bar != null) {
      int room = columns - task.length() - 2 * Long.toString(most).length() - OTHER_COLUMNS;
      bar.setExtraMessage(message.length() <= room ? message : text.length() <= room ? text : "");
    }
  }

  private void line() {
    err.println(
        String.format(
            Locale.ROOT,
            "%s: %d of %d, %.0f s%s",
            task,
            done,
            most,
            (System.nanoTime() - start) * 1e-9,
            message.isEmpty() ? "" : ", " + message));
  }

  /** The end of the bar, or the last line. */
  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    } else {
      line();
    }
  }
}
