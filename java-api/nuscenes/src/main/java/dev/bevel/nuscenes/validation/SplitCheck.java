package dev.bevel.nuscenes.validation;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.bevel.nuscenes.JsonFaults;
import dev.bevel.nuscenes.PathFaults;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * {@code splits.json} of a set that brings its own: lists of existing scenes by split; no scene is
 * in both {@code X_train} and {@code X_val}.
 */
final class SplitCheck {
  private static final String TABLE = "splits";

  private final DataSet set;
  private final Findings findings;

  private SplitCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
  }

  static void run(DataSet set, Findings findings) {
    Path file = set.root().resolve(set.version()).resolve("splits.json");
    if (Files.notExists(file)) {
      return;
    }
    String problem = PathFaults.asFile(file);
    if (problem != null) {
      fault(findings, "", "", "a readable file " + file, "one that " + problem);
      return;
    }
    try (JsonParser json = TableParser.JSON.createParser(file.toFile())) {
      json.nextToken();
      new SplitCheck(set, findings).splits(FieldReader.object(json));
      if (json.nextToken() != null) {
        fault(findings, "", "", "the end of the file after the object", "more");
      }
    } catch (JsonProcessingException e) {
      fault(findings, "", "", "valid JSON", JsonFaults.words(e));
    } catch (IOException e) {
      fault(findings, "", "", "a readable file " + file, PathFaults.reason(e));
    }
  }

  private void splits(Map<String, Object> splits) {
    Set<String> scenes = new HashSet<>();
    TableData table = set.table("scene");
    for (int row = 0; row < table.rows(); row++) {
      scenes.add(table.text("name", row));
    }
    Map<String, Set<String>> read = new HashMap<>();
    splits.forEach((name, value) -> read.put(name, split(name, value, scenes)));
    for (String name : read.keySet().stream().sorted().toList()) {
      if (name.endsWith("_train")) {
        disjoint(name, name.substring(0, name.length() - 5) + "val", read);
      }
    }
  }

  private Set<String> split(String name, Object value, Set<String> scenes) {
    Set<String> read = new HashSet<>();
    if (!(value instanceof List<?> list)) {
      fault(findings, name, "", "a list of scene names", FieldReader.describe(value));
      return read;
    }
    if (list.isEmpty()) {
      fault(findings, name, "", "a scene at least", "an empty list");
    }
    for (int i = 0; i < list.size(); i++) {
      String field = String.format(Locale.ROOT, "[%d]", i);
      if (!(list.get(i) instanceof String scene) || !scenes.contains(scene)) {
        fault(findings, name, field, "the name of a scene", FieldReader.describe(list.get(i)));
      } else if (!read.add(scene)) {
        fault(findings, name, field, "each scene once", '"' + scene + "\" again");
      }
    }
    return read;
  }

  private void disjoint(String train, String val, Map<String, Set<String>> splits) {
    Set<String> both = new HashSet<>(splits.getOrDefault(train, Set.of()));
    both.retainAll(splits.getOrDefault(val, Set.of()));
    for (String scene : both) {
      fault(findings, val, "", "scenes that are not in " + train, '"' + scene + '"');
    }
  }

  private static void fault(
      Findings findings, String split, String field, String expected, String actual) {
    findings.add(new Finding(Rule.SPLIT, TABLE, split, field, expected, actual));
  }
}
