package dev.bevel.nuscenes.validation;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Collects findings from any thread. Of each kind (rule, table, field) the first {@link #KEPT} in
 * the order of their text are kept, so that the result is the same for any number of threads and a
 * mistake in every one of a million records fills no memory; all are counted.
 */
final class Findings {
  static final int KEPT = 50;

  private static final Pattern NUMBER = Pattern.compile("(?<=[ \\[])[0-9]{1,19}(?=]|$)");

  /** Record 9 before record 10. */
  private static final Comparator<String> NUMBERS_AS_NUMBERS =
      Comparator.comparing(Findings::withLongNumbers).thenComparing(Comparator.naturalOrder());

  private static final Comparator<Finding> ORDER =
      Comparator.comparing(Finding::token, NUMBERS_AS_NUMBERS)
          .thenComparing(Finding::field, NUMBERS_AS_NUMBERS)
          .thenComparing(Finding::expected)
          .thenComparing(Finding::actual);

  /** A rule, a table and a field of it. */
  record Kind(Rule rule, String table, String field) implements Comparable<Kind> {
    private static final Comparator<Kind> BY_RULE =
        Comparator.comparing(Kind::rule).thenComparing(Kind::table).thenComparing(Kind::field);

    @Override
    public int compareTo(Kind other) {
      return BY_RULE.compare(this, other);
    }
  }

  /** Numbers behind a space or a bracket, with zeros before them to 19 digits. */
  private static String withLongNumbers(String text) {
    return NUMBER
        .matcher(text)
        .replaceAll(number -> "0".repeat(19 - number.group().length()) + number.group());
  }

  private static final class Group {
    private final TreeSet<Finding> kept = new TreeSet<>(ORDER);
    private long count;
  }

  private final Map<Kind, Group> groups = new TreeMap<>();

  synchronized void add(Finding finding) {
    Group group =
        groups.computeIfAbsent(
            new Kind(finding.rule(), finding.table(), finding.plainField()), k -> new Group());
    group.count++;
    group.kept.add(finding);
    if (group.kept.size() > KEPT) {
      group.kept.pollLast();
    }
  }

  synchronized boolean any(Rule rule) {
    return groups.keySet().stream().anyMatch(kind -> kind.rule == rule);
  }

  /** How many there are of each kind. */
  synchronized List<ValidationReport.KindCount> counts() {
    List<ValidationReport.KindCount> counts = new ArrayList<>();
    groups.forEach(
        (kind, group) ->
            counts.add(
                new ValidationReport.KindCount(kind.rule, kind.table, kind.field, group.count)));
    return counts;
  }

  synchronized List<Finding> kept() {
    List<Finding> all = new ArrayList<>();
    groups.values().forEach(group -> all.addAll(group.kept));
    return all;
  }
}
