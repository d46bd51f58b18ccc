package dev.bevel.cli;

import dev.bevel.nuscenes.PathFaults;
import dev.bevel.nuscenes.Printable;
import dev.bevel.torch.TorchException;
import java.io.PrintWriter;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/**
 * The {@code bevel} command. A failure is one sentence on the standard error and an exit status
 * that is not 0: 2 for a command line that cannot be understood, 1 for all else.
 */
@Command(
    name = "bevel",
    description = "Camera bird's-eye-view 3D detection: train, detect, measure.",
    version = Main.VERSION,
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
      BenchCommand.class,
      HelpCommand.class
    })
@SuppressWarnings("NullAway.Init") // picocli sets the specification
public final class Main implements Runnable {
  /** What picocli can lay out, and what a person can read. */
  private static final int LEAST_HELP_COLUMNS = 55;

  private static final int MOST_HELP_COLUMNS = 120;

  private static final int LONGEST_SENTENCE = 4000;

  static final String VERSION = "bevel 0.1.0";

  /** Exit status of a failure. */
  static final int FAILED = 1;

  @Spec private CommandSpec spec;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show where a failure came from.")
  private boolean debug;

  /** For picocli. */
  public Main() {}

  /** Runs the command and ends the process with its exit status. */
  public static void main(String[] arguments) {
    Locale.setDefault(Locale.ROOT); // picocli orders options by it
    StandardOutput output = new StandardOutput();
    CommandLine command = commandLine().setOut(output.writer());
    int columns = Terminal.columns(Terminal.OUTPUT);
    if (columns > 0) {
      command.setUsageHelpWidth(Math.clamp(columns, LEAST_HELP_COLUMNS, MOST_HELP_COLUMNS));
    }
    int status = command.execute(arguments);
    command.getOut().flush();
    status = output.status(status, command.getErr());
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
    CommandLine command = new CommandLine(new Main());
    command.getSubcommands().values().forEach(Main::addVersion);
    Numbers.register(command);
    return command
        .setCaseInsensitiveEnumValuesAllowed(true)
        .registerConverter(Path.class, Main::path)
        .setExecutionStrategy(Main::execute)
        .setParameterExceptionHandler(Main::badCommandLine)
        .setExecutionExceptionHandler(Main::failed);
  }

  /** -V everywhere; --version is the data set's in most commands. */
  private static void addVersion(CommandLine command) {
    CommandSpec spec = command.getCommandSpec().version(VERSION);
    if (spec.findOption("-V") == null) {
      spec.addOption(
          OptionSpec.builder("-V")
              .versionHelp(true)
              .arity("0")
              .type(boolean.class)
              .description("Print version information and exit.")
              .build());
    }
    command.getSubcommands().values().forEach(Main::addVersion);
  }

  /** Picocli's own words for a name that is none would be those of Java's types. */
  private static Path path(String name) {
    if (name.isEmpty()) { // else it would be the current folder
      throw new TypeConversionException("must be a path, got ''");
    }
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      String charset = System.getProperty("sun.jnu.encoding", "the locale's character set");
      throw new TypeConversionException(
          name.indexOf('\0') >= 0
              ? "a path cannot have a NUL character"
              : String.format(
                  Locale.ROOT,
                  "the path '%s' has characters that %s cannot write; set LC_ALL=C.UTF-8 in the environment",
                  name,
                  charset));
    }
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
    spec.commandLine().usage(spec.commandLine().getOut());
  }

  private static int badCommandLine(CommandLine.ParameterException e, String[] arguments) {
    CommandLine command = e.getCommandLine();
    print(command, BadLine.sentence(e), e);
    command.getErr().println("Try '" + help(command.getCommandSpec()) + "' for what there is.");
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  private static String help(CommandSpec spec) {
    CommandSpec root = spec.root();
    if (spec == root) {
      return "bevel help";
    }
    return "bevel help " + spec.qualifiedName().substring(root.name().length() + 1);
  }

  private static int failed(Exception e, CommandLine command, CommandLine.ParseResult parsed) {
    print(command, e);
    return FAILED;
  }

  private static void print(CommandLine command, Throwable e) {
    print(command, sentence(e), e);
  }

  private static void print(CommandLine command, String sentence, Throwable e) {
    PrintWriter err = command.getErr();
    err.println("bevel: " + Printable.of(sentence, LONGEST_SENTENCE));
    Main main = command.getCommandSpec().root().userObject() instanceof Main m ? m : null;
    if (main != null && main.debug) {
      e.printStackTrace(err);
    }
    err.flush();
  }

  /** What went wrong, in one line, whatever a file or a library has put into the message. */
  static String sentence(Throwable e) {
    return Printable.of(reason(e).strip().replaceAll("\\s*\\R\\s*", " "), LONGEST_SENTENCE);
  }

  private static String reason(Throwable e) {
    if (e instanceof LinkageError error) {
      return linkage(error);
    }
    if (e instanceof OutOfMemoryError memory) {
      boolean ofHeap = String.valueOf(memory.getMessage()).contains("heap");
      return "out of memory: "
          + memory.getMessage()
          + (ofHeap
              ? String.format(
                  Locale.ROOT,
                  "; it has %d MiB, the environment's BEVEL_HEAP (such as 8g) gives ./bevel more",
                  Runtime.getRuntime().maxMemory() >> 20)
              : "");
    }
    if (e instanceof FileAlreadyExistsException existing) {
      Path there = Path.of(existing.getFile());
      return there + ": " + Objects.requireNonNullElse(PathFaults.asFolder(there), "is there");
    }
    if (e instanceof FileSystemException f && f.getFile() != null) {
      return f.getFile() + ": " + PathFaults.reason(f);
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
