import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** What came of it all. */
final class Score {
  private final List<Mutant> mutants;
  private final Results results;
  private final Map<String, String> known;

  Score(List<Mutant> mutants, Results results, Map<String, String> known) {
    this.mutants = mutants;
    this.results = results;
    this.known = known;
  }

  private List<Mutant> of(Collection<Mutant> among, Predicate<Outcome.State> wanted) {
    return among.stream()
        .filter(mutant -> results.get(mutant) != null && wanted.test(results.get(mutant).state()))
        .toList();
  }

  private List<Mutant> survivors() {
    return of(mutants, state -> state == Outcome.State.SURVIVED);
  }

  private static String row(Object... cells) {
    return "| "
        + Arrays.stream(cells).map(String::valueOf).collect(Collectors.joining(" | "))
        + " |\n";
  }

  String table() {
    StringBuilder text =
        new StringBuilder(row("Operator", "CUDA killed", "CPU killed", "Survived", "Not measured"));
    text.append("|---|---|---|---|---|\n");
    Map<String, List<Mutant>> groups =
        mutants.stream()
            .collect(Collectors.groupingBy(Mutant::operator, TreeMap::new, Collectors.toList()));
    groups.forEach((operator, group) -> text.append(rowOf(operator, group)));
    text.append(rowOf("all", mutants)).append("\n");
    for (Mutant mutant : of(mutants, Outcome.State::error))
      text.append("ERROR ")
          .append(mutant.id())
          .append(": ")
          .append(results.get(mutant))
          .append("\n");
    for (Mutant mutant : survivors()) {
      if (!known.containsKey(mutant.id()))
        text.append("SURVIVED ")
            .append(mutant.id())
            .append(": ")
            .append(results.get(mutant).detail())
            .append("\n");
    }
    for (Mutant mutant : of(mutants, Outcome.State::killed)) {
      if (known.containsKey(mutant.id()))
        text.append(mutant.id()).append(" is killed now: take it out of known_survivors.tsv\n");
    }
    return text.toString();
  }

  private String rowOf(String name, List<Mutant> group) {
    String[] tiers = new String[2];
    for (int i = 0; i < 2; i++) {
      String tier = i == 0 ? "cuda" : "cpu";
      List<Mutant> ofTier = group.stream().filter(mutant -> mutant.tier().equals(tier)).toList();
      tiers[i] = of(ofTier, Outcome.State::killed).size() + " of " + ofTier.size();
    }
    long open =
        group.stream()
            .filter(mutant -> results.get(mutant) == null || results.get(mutant).state().error())
            .count();
    return row(
        name, tiers[0], tiers[1], of(group, state -> state == Outcome.State.SURVIVED).size(), open);
  }

  String markdown(Options options, double minutes, int measured) {
    double seconds =
        mutants.stream()
            .filter(m -> results.get(m) != null)
            .mapToDouble(m -> results.get(m).seconds())
            .sum();
    StringBuilder text = new StringBuilder("# The mutation score of the kernels\n\n");
    text.append(
        String.format(
            "`src/test/native/mutants/run.sh %s`; %d mutants measured in %.0f minutes",
            options.line.strip(), measured, minutes));
    text.append(
        String.format(
            " with %d at a time (%.0f minutes one after the other).\n\n",
            options.jobs, seconds / 60));
    text.append(table())
        .append("\n## Survivors\n\n")
        .append(row("Mutant", "Tier", "Kind", "Reason"))
        .append("|---|---|---|---|\n");
    for (Mutant mutant : survivors()) {
      String reason = known.getOrDefault(mutant.id(), "not listed in known_survivors.tsv");
      text.append(row("`" + mutant.id() + "`", mutant.tier(), mutant.fields().get("kind"), reason));
    }
    text.append("\n## All mutants\n\n")
        .append(row("Mutant", "Tier", "Kind", "Outcome"))
        .append("|---|---|---|---|\n");
    for (Mutant mutant : mutants) {
      Outcome outcome = results.get(mutant);
      String said =
          outcome == null
              ? "not measured"
              : outcome.state() == Outcome.State.SURVIVED
                  ? "survived"
                  : outcome.detail().replace("|", "\\|");
      text.append(row("`" + mutant.id() + "`", mutant.tier(), mutant.fields().get("kind"), said));
    }
    return text.toString();
  }

  int status() {
    if (!of(mutants, Outcome.State::error).isEmpty()) return 2;
    return survivors().stream().allMatch(mutant -> known.containsKey(mutant.id())) ? 0 : 1;
  }
}
