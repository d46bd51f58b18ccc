package dev.bevel.nuscenes.validation;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * {@code prev} and {@code next} chain all samples of a scene, all files of a channel in a scene and
 * all annotations of an instance: each link is mutual, stays within its chain and goes forward in
 * time, and only the earliest and the latest record have a blank one. Scenes and instances state
 * the ends and lengths of these chains.
 */
final class ChainCheck {
  private final DataSet set;
  private final Findings findings;

  /**
   * What all records of a chain have in common.
   *
   * @param values for each row the record of {@code target}, or {@link TableData#NONE}
   * @param field that leads there
   */
  private record Common(int[] values, TableData target, String field) {}

  /**
   * A table with chains.
   *
   * @param group the chain that a row belongs to, or {@link TableData#NONE}
   * @param timeField the field that gives a row its time
   */
  private record Chains(
      TableData table,
      int[] prev,
      int[] next,
      int[] group,
      long[] time,
      String timeField,
      List<Common> common,
      int[] first,
      int[] last) {}

  private ChainCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
  }

  static void run(DataSet set, Findings findings) {
    ChainCheck check = new ChainCheck(set, findings);
    long[] sampleTime = times(set.table("sample").longs("timestamp"), set.table("sample").rows());
    check.samples(sampleTime);
    check.sensorData();
    check.annotations(sampleTime);
  }

  private static long[] times(Column.Longs column, int rows) {
    long[] times = new long[rows];
    for (int row = 0; row < rows; row++) {
      times[row] = column.get(row);
    }
    return times;
  }

  private void samples(long[] time) {
    TableData scenes = set.table("scene");
    Chains chains =
        chains(
            "sample",
            set.sampleScene,
            scenes.rows(),
            time,
            "timestamp",
            List.of(new Common(set.sampleScene, scenes, "scene_token")));
    check(chains);
    ends(chains, scenes, "nbr_samples", "first_sample_token", "last_sample_token");
  }

  private void sensorData() {
    TableData data = set.table("sample_data");
    TableData sensors = set.table("sensor");
    int[] scene = DataSet.through(set.dataSample, set.sampleScene);
    int[] group = new int[data.rows()];
    Map<Long, Integer> groups = new HashMap<>();
    for (int row = 0; row < group.length; row++) {
      boolean known = scene[row] != TableData.NONE && set.dataSensor[row] != TableData.NONE;
      group[row] =
          known
              ? groups.computeIfAbsent(
                  (long) scene[row] * sensors.rows() + set.dataSensor[row], key -> groups.size())
              : TableData.NONE;
    }
    check(
        chains(
            "sample_data",
            group,
            groups.size(),
            times(data.longs("timestamp"), data.rows()),
            "timestamp",
            List.of(
                new Common(scene, set.table("scene"), "sample_token"),
                new Common(
                    set.dataCalibration,
                    set.table("calibrated_sensor"),
                    "calibrated_sensor_token"))));
  }

  private void annotations(long[] sampleTime) {
    TableData instances = set.table("instance");
    long[] time = new long[set.annotationSample.length];
    for (int row = 0; row < time.length; row++) {
      int sample = set.annotationSample[row];
      time[row] = sample == TableData.NONE ? Column.Longs.MISSING : sampleTime[sample];
    }
    Chains chains =
        chains(
            "sample_annotation",
            set.annotationInstance,
            instances.rows(),
            time,
            "sample_token",
            List.of(
                new Common(set.annotationInstance, instances, "instance_token"),
                new Common(
                    DataSet.through(set.annotationSample, set.sampleScene),
                    set.table("scene"),
                    "sample_token")));
    check(chains);
    ends(chains, instances, "nbr_annotations", "first_annotation_token", "last_annotation_token");
  }

  private Chains chains(
      String name, int[] group, int groups, long[] time, String timeField, List<Common> common) {
    TableData table = set.table(name);
    int[] first = new int[groups];
    int[] last = new int[groups];
    Arrays.fill(first, TableData.NONE);
    Arrays.fill(last, TableData.NONE);
    for (int row = 0; row < group.length; row++) {
      int g = group[row];
      if (g == TableData.NONE || time[row] == Column.Longs.MISSING) {
        continue;
      }
      if (first[g] == TableData.NONE || time[row] < time[first[g]]) {
        first[g] = row;
      }
      if (last[g] == TableData.NONE || time[row] > time[last[g]]) {
        last[g] = row;
      }
    }
    return new Chains(
        table,
        table.resolve("prev", table),
        table.resolve("next", table),
        group,
        time,
        timeField,
        common,
        first,
        last);
  }

  private void check(Chains chains) {
    for (int row = 0; row < chains.table.rows(); row++) {
      link(chains, row, "prev");
      link(chains, row, "next");
    }
  }

  private void link(Chains chains, int row, String field) {
    boolean forward = field.equals("next");
    int target = (forward ? chains.next : chains.prev)[row];
    if (target == TableData.NONE) {
      blank(chains, row, field, forward);
      return;
    }
    int back = (forward ? chains.prev : chains.next)[target];
    if (back != row) {
      String opposite = forward ? "prev" : "next";
      fault(
          chains,
          row,
          field,
          "a record whose " + opposite + " is this one",
          String.format(
              Locale.ROOT,
              "\"%s\", whose %s is %s",
              chains.table.label(target),
              opposite,
              back == TableData.NONE ? "none" : '"' + chains.table.label(back) + '"'));
      return;
    }
    for (Common common : chains.common) {
      int own = common.values[row];
      int other = common.values[target];
      if (own != other && own != TableData.NONE && other != TableData.NONE) {
        fault(
            chains,
            row,
            common.field,
            String.format(
                Locale.ROOT,
                "the %s of its %s, %s",
                common.target.name(),
                field,
                common.target.label(other)),
            common.target.label(own));
        return;
      }
    }
    order(chains, row, target, field, forward);
  }

  private void order(Chains chains, int row, int target, String field, boolean forward) {
    long own = chains.time[row];
    long other = chains.time[target];
    boolean known = own != Column.Longs.MISSING && other != Column.Longs.MISSING;
    if (known && (forward ? own >= other : own <= other)) {
      fault(
          chains,
          row,
          chains.timeField,
          String.format(
              Locale.ROOT, "a time %s its %s, %d", forward ? "before" : "after", field, other),
          String.valueOf(own));
    }
  }

  private void blank(Chains chains, int row, String field, boolean forward) {
    int group = chains.group[row];
    boolean isBlank = chains.table.ints(field).get(row) == Column.Ints.BLANK;
    if (!isBlank || group == TableData.NONE || chains.time[row] == Column.Longs.MISSING) {
      return;
    }
    int end = (forward ? chains.last : chains.first)[group];
    if (end != row) {
      fault(
          chains,
          row,
          field,
          String.format(
              Locale.ROOT,
              "the record %s it, since %s is %s in this chain",
              forward ? "after" : "before",
              chains.table.label(end),
              forward ? "later" : "earlier"),
          "\"\"");
    }
  }

  private void fault(Chains chains, int row, String field, String expected, String actual) {
    findings.add(
        new Finding(
            Rule.CHAIN, chains.table.name(), chains.table.label(row), field, expected, actual));
  }

  /** What the owners of chains state about them. */
  private void ends(
      Chains chains, TableData owners, String countField, String firstField, String lastField) {
    Members members = new Members(chains.group, owners.rows());
    int[] first = owners.resolve(firstField, chains.table);
    int[] last = owners.resolve(lastField, chains.table);
    for (int owner = 0; owner < owners.rows(); owner++) {
      int count = owners.ints(countField).get(owner);
      if (count != members.count(owner) && count != Column.Ints.MISSING) {
        endFault(owners, owner, countField, String.valueOf(members.count(owner)), "" + count);
      }
      end(chains, owners, owner, firstField, first[owner], chains.first[owner], "earliest");
      end(chains, owners, owner, lastField, last[owner], chains.last[owner], "latest");
    }
  }

  private void end(
      Chains chains,
      TableData owners,
      int owner,
      String field,
      int stated,
      int found,
      String which) {
    if (stated != found && stated != TableData.NONE) {
      endFault(
          owners,
          owner,
          field,
          String.format(
              Locale.ROOT,
              "its %s %s%s",
              which,
              chains.table.name(),
              found == TableData.NONE ? "" : ", " + chains.table.label(found)),
          chains.table.label(stated));
      stranger(chains, owners, owner, field, stated);
    }
  }

  /** A record without neighbours that another owner names: it may be the one that is wrong. */
  private void stranger(Chains chains, TableData owners, int owner, String field, int stated) {
    boolean isAlone =
        chains.prev[stated] == TableData.NONE && chains.next[stated] == TableData.NONE;
    if (isAlone && chains.group[stated] != owner) {
      fault(
          chains,
          stated,
          chains.common.getFirst().field,
          String.format(Locale.ROOT, "%s, whose %s is this one", owners.label(owner), field),
          chains.group[stated] == TableData.NONE ? "none" : owners.label(chains.group[stated]));
    }
  }

  private void endFault(TableData owners, int owner, String field, String expected, String actual) {
    findings.add(
        new Finding(Rule.CHAIN_END, owners.name(), owners.label(owner), field, expected, actual));
  }
}
