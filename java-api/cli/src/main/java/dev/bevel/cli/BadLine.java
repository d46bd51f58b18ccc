package dev.bevel.cli;

import dev.bevel.nuscenes.Printable;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;

/** What is wrong with a command line, in our words and with what was expected. */
final class BadLine {
  private static final int MOST_SLIPS = 2;

  private BadLine() {}

  /** One sentence. */
  static String sentence(ParameterException e) {
    return switch (e) {
      case CommandLine.UnmatchedArgumentException unmatched ->
          unmatched(
              unmatched.getCommandLine().getCommandSpec(), unmatched.getUnmatched().getFirst());
      case CommandLine.MissingParameterException missing -> missing(missing);
      case CommandLine.OverwrittenOptionException twice ->
          "the option " + name(twice.getOverwritten()) + " is given twice, it may be once";
      default -> Main.sentence(e);
    };
  }

  private static String unmatched(CommandSpec spec, String first) {
    if (first.startsWith("-")) {
      return String.format(
          Locale.ROOT,
          "%s has no option '%s'; it has %s",
          spec.qualifiedName(),
          first,
          spec.options().stream()
              .filter(option -> !option.hidden())
              .map(OptionSpec::longestName)
              .collect(Collectors.joining(", ")));
    }
    return spec.subcommands().isEmpty()
        ? String.format(
            Locale.ROOT,
            "%s takes no argument '%s'%s",
            spec.qualifiedName(),
            first,
            spec.positionalParameters().isEmpty()
                ? ", only options, which begin with --"
                : " beside those before it")
        : noCommand(first, spec.subcommands().keySet());
  }

  /** That there is no such command, with the nearest one if that is near. */
  static String noCommand(String name, Collection<String> commands) {
    Optional<String> near =
        commands.stream()
            .filter(command -> distance(name, command) <= MOST_SLIPS)
            .min(Comparator.comparingInt(command -> distance(name, command)));
    return String.format(
        Locale.ROOT,
        "there is no command '%s'; %sthere are %s",
        Printable.of(name, 80),
        near.map(command -> "did you mean " + command + "? ").orElse(""),
        String.join(", ", commands));
  }

  /** Letters to add, leave out, replace or swap with the next to make one word of the other. */
  private static int distance(String a, String b) {
    if (Math.abs(a.length() - b.length()) > MOST_SLIPS) {
      return Integer.MAX_VALUE;
    }
    int[][] cost = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          cost[i][j] = i + j;
          continue;
        }
        boolean same = a.charAt(i - 1) == b.charAt(j - 1);
        cost[i][j] =
            Math.min(
                Math.min(cost[i - 1][j], cost[i][j - 1]) + 1, cost[i - 1][j - 1] + (same ? 0 : 1));
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          cost[i][j] = Math.min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
      }
    }
    return cost[a.length()][b.length()];
  }

  /** An option that is not there, or one without its value. */
  private static String missing(CommandLine.MissingParameterException e) {
    // What has a wrong name is missing too: the name is told.
    List<String> unmatched = e.getCommandLine().getUnmatchedArguments();
    if (!unmatched.isEmpty()) {
      return unmatched(e.getCommandLine().getCommandSpec(), unmatched.getFirst());
    }
    List<ArgSpec> missing = e.getMissing();
    boolean given =
        missing.size() == 1
            && missing.getFirst() instanceof OptionSpec option
            && !String.valueOf(e.getMessage()).startsWith("Missing required option");
    if (given) {
      return String.format(
          Locale.ROOT,
          "the option %s needs a value, %s",
          name(missing.getFirst()),
          missing.getFirst().paramLabel());
    }
    return (missing.size() == 1 ? "an option is missing: " : "options are missing: ")
        + missing.stream()
            .map(arg -> (name(arg) + " " + arg.paramLabel()).strip())
            .collect(Collectors.joining(", "));
  }

  private static String name(ArgSpec arg) {
    return arg instanceof OptionSpec option ? option.longestName() : arg.paramLabel();
  }
}
