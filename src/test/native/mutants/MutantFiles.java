import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Reads the lists. */
final class MutantFiles {
  static List<Mutant> read(Path folder) throws IOException {
    List<Mutant> mutants = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".mutants")).sorted().toList())
        mutants.addAll(readFile(file));
    }
    Set<String> ids = new LinkedHashSet<>();
    for (Mutant mutant : mutants) {
      if (!ids.add(mutant.id())) throw new Refusal(mutant.id() + " is there twice");
    }
    return mutants;
  }

  private static List<Mutant> readFile(Path file) throws IOException {
    String operator = file.getFileName().toString().replace(".mutants", "");
    String[] parts = Files.readString(file).split("(?m)^=== ");
    Map<String, String> programs = fields(parts[0], file + ", its head");
    List<Mutant> mutants = new ArrayList<>();
    for (String part : Arrays.asList(parts).subList(1, parts.length)) {
      int line = part.indexOf('\n');
      String name = part.substring(0, line).strip(), where = file + ", " + name;
      String[] texts = part.substring(line + 1).split("(?m)^--- (old|new)\n", -1);
      if (texts.length != 3)
        throw new Refusal(where + ": it must have one \"--- old\" and one \"--- new\"");
      Map<String, String> fields = fields(texts[0], where);
      for (String field : List.of("tier", "kind", "file", "why")) {
        if (!fields.containsKey(field)) throw new Refusal(where + ": it has no \"" + field + ":\"");
      }
      String tests = programs.get(fields.get("tier"));
      if (tests == null)
        throw new Refusal(where + ": the file's head names no tests of tier " + fields.get("tier"));
      if (fields.containsKey("also")) tests += " " + fields.get("also");
      if (texts[1].isBlank()) throw new Refusal(where + ": the old text is empty");
      mutants.add(
          new Mutant(
              operator,
              name,
              fields,
              texts[1].strip(),
              texts[2].strip(),
              List.of(tests.strip().split("\\s+"))));
    }
    return mutants;
  }

  private static Map<String, String> fields(String text, String where) {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String line : text.lines().filter(l -> !l.isBlank() && !l.startsWith("#")).toList()) {
      int colon = line.indexOf(": ");
      if (colon < 0) throw new Refusal(where + ": \"" + line + "\" is no \"field: value\"");
      fields.put(line.substring(0, colon), line.substring(colon + 2).strip());
    }
    return fields;
  }

  /** Begin and end of each place of a text, whatever its white space. */
  static List<int[]> places(String source, String text) {
    String pattern =
        Arrays.stream(text.split("\\s+")).map(Pattern::quote).collect(Collectors.joining("\\s+"));
    List<int[]> places = new ArrayList<>();
    Matcher matcher = Pattern.compile(pattern).matcher(source);
    while (matcher.find()) places.add(new int[] {matcher.start(), matcher.end()});
    return places;
  }

  /** Survivors that are known, with the reason: lines of "operator/name", a tab, and text. */
  static Map<String, String> known(Path file) throws IOException {
    Map<String, String> known = new TreeMap<>();
    if (!Files.exists(file)) return known;
    for (String line : Files.readAllLines(file)) {
      if (line.isBlank() || line.startsWith("#")) continue;
      String[] parts = line.split("\t", 2);
      if (parts.length != 2 || parts[1].isBlank())
        throw new Refusal(file + ": \"" + line + "\" gives no reason behind a tab");
      known.put(parts[0], parts[1]);
    }
    return known;
  }
}
