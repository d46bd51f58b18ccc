package dev.bevel.cli;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;

/** What is wrong with a command line, in our words and with what was expected. */
final class BadLine {
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
        : String.format(
            Locale.ROOT,
            "there is no command '%s'; there are %s",
            first,
            String.join(", ", spec.subcommands().keySet()));
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
