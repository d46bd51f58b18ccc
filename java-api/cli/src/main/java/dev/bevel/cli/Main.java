package dev.bevel.cli;

import dev.bevel.torch.TorchException;
import java.io.PrintWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/**
 * The {@code bevel} command. A failure is one sentence on the standard error and an exit status
 * that is not 0: 2 for a command line that cannot be understood, 1 for all else.
 */
@Command(
    name = "bevel",
    description = "Camera bird's-eye-view 3D detection: train, detect, measure.",
    version = "bevel 0.1.0",
    mixinStandardHelpOptions = true,
    subcommands = {
      DoctorCommand.class,
      DemoCommand.class,
      TrainCommand.class,
      DetectCommand.class,
      EvalCommand.class,
      SimulateCommand.class,
      RenderCommand.class,
      ReportCommand.class,
      ValidateCommand.class,
      ParityCommand.class,
      BenchCommand.class
    })
public final class Main implements Runnable {
  /** Exit status of a failure. */
  static final int FAILED = 1;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show where a failure came from.")
  private boolean debug;

  /** For picocli. */
  public Main() {}

  /** Runs the command and ends the process with its exit status. */
  public static void main(String[] arguments) {
    int status = run(arguments);
    OrderlyShutdown.allIsSaid();
    System.exit(status);
  }

  /**
   * Runs the command.
   *
   * @return its exit status
   */
  public static int run(String... arguments) {
    return commandLine().execute(arguments);
  }

  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionStrategy(Main::execute)
        .setParameterExceptionHandler(Main::badCommandLine)
        .setExecutionExceptionHandler(Main::failed);
  }

  /** Picocli hands exceptions to {@link #failed}, but not a missing class or no memory. */
  private static int execute(CommandLine.ParseResult parsed) {
    try {
      return new CommandLine.RunLast().execute(parsed);
    } catch (Error e) {
      print(parsed.commandSpec().commandLine(), e);
      return FAILED;
    }
  }

  /** Without a subcommand: the help. */
  @Override
  public void run() {
    commandLine().usage(System.out);
  }

  private static int badCommandLine(CommandLine.ParameterException e, String[] arguments) {
    CommandLine command = e.getCommandLine();
    print(command, e);
    command.getErr().println("Try 'bevel --help' for what there is.");
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  private static int failed(Exception e, CommandLine command, CommandLine.ParseResult parsed) {
    print(command, e);
    return FAILED;
  }

  private static void print(CommandLine command, Throwable e) {
    PrintWriter err = command.getErr();
    err.println("bevel: " + sentence(e));
    Main main = command.getCommandSpec().root().userObject() instanceof Main m ? m : null;
    if (main != null && main.debug) {
      e.printStackTrace(err);
    }
    err.flush();
  }

  /** What went wrong, in one line. */
  static String sentence(Throwable e) {
    return reason(e).strip().replaceAll("\\s*\\R\\s*", " ");
  }

  private static String reason(Throwable e) {
    if (e instanceof LinkageError error) {
      return linkage(error);
    }
    if (e instanceof OutOfMemoryError memory) {
      return "out of memory: " + memory.getMessage();
    }
    if (e instanceof NoSuchFileException missing) {
      return missing.getFile() + ": no such file";
    }
    if (e instanceof FileAlreadyExistsException existing) {
      return existing.getFile() + ": is a file, must be a folder";
    }
    if (e instanceof AccessDeniedException denied) {
      return denied.getFile() + ": access denied";
    }
    if (e instanceof FileSystemException f && f.getReason() == null) {
      return f.getFile() + ": " + f.getClass().getSimpleName();
    }
    String message = e.getMessage();
    return message == null || message.isBlank() ? e.toString() : TorchException.trim(message);
  }

  /** The JVM's own words for a class or a native library that is not there are for its authors. */
  private static String linkage(LinkageError e) {
    Throwable cause = e.getCause();
    String message = String.valueOf(e.getMessage());
    if (e instanceof ExceptionInInitializerError && cause != null) {
      return reason(cause);
    }
    if (e instanceof NoClassDefFoundError && cause instanceof ExceptionInInitializerError first) {
      return String.valueOf(first.getMessage());
    }
    if (e instanceof NoClassDefFoundError) {
      return "the class " + message.replace('/', '.') + " is not on the class path";
    }
    // JavaCPP says that it found nothing; its cause says what was wrong with what it did find.
    return cause == null ? message : message + " (" + cause.getMessage() + ")";
  }
}
