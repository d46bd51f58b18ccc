package dev.bevel.cli;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code bevel help}: the help of commands, by their names. */
@Command(name = "help", description = "Show the help of bevel, or of commands.")
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class HelpCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help message and exit.")
  @SuppressWarnings("unused") // picocli acts on it
  private boolean help;

  @Parameters(
      paramLabel = "COMMAND",
      arity = "0..*",
      description = "Such as train, or bench tables.")
  private List<String> names = List.of();

  @Override
  public void run() {
    CommandLine root = spec.root().commandLine();
    for (CommandLine each : commands(root)) {
      each.setUsageHelpWidth(root.getUsageHelpWidth());
      each.usage(root.getOut());
    }
    root.getOut().flush();
  }

  /** A name that the command before it has names a command below that. */
  private List<CommandLine> commands(CommandLine root) {
    List<CommandLine> found = new ArrayList<>();
    CommandLine before = root;
    for (String name : names) {
      CommandLine below = before.getSubcommands().get(name);
      if (below != null && before != root) {
        found.removeLast();
      }
      CommandLine command = below == null ? root.getSubcommands().get(name) : below;
      if (command == null) {
        throw new ParameterException(
            spec.commandLine(), BadLine.noCommand(name, root.getSubcommands().keySet()));
      }
      found.add(command);
      before = command;
    }
    return found.isEmpty() ? List.of(root) : found;
  }
}
