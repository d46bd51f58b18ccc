package dev.bevel.nuscenes.validation;

import static dev.bevel.nuscenes.validation.EditableSet.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.bevel.nuscenes.MapRegion;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Printable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Data sets made to harm whoever validates them. */
class HostileSetTest {
  @TempDir private Path folder;

  /** Names that lead out of the folder open nothing, whatever stands there; the reader agrees. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "../outside.png",
        "maps/../../outside.png",
        "./../outside.png",
        "/dev/zero",
        "ABSOLUTE",
        "..",
        ".",
        "maps/\u001b[2J.png",
        "maps/a\nb.png"
      })
  void namesThatLeadElsewhereOpenNothing(String name) throws Exception {
    Path base = EditableSet.simulate(folder);
    EditableSet set = new EditableSet(base);
    String sound = text(set.table("map").getLast(), "filename");
    Path outside = folder.resolve("outside.png");
    Files.copy(base.resolve(sound), outside);
    set.table("map").getLast().put("filename", name.equals("ABSOLUTE") ? outside + "" : name);
    Path written = set.write(folder.resolve("set"));
    ValidationReport report = DataSetValidator.of(written).files(FileScope.MAPS).validate();
    assertThat(report.findings())
        .singleElement()
        .extracting(Finding::expected)
        .isEqualTo("the name of a file below the data folder");
    assertThat(report.findings().toString()).matches("\\P{Cntrl}*");
    NuScenes read = NuScenes.load(written);
    var sample =
        read.samples().stream()
            .filter(
                s ->
                    read.tables().maps().values().stream()
                        .filter(map -> map.logTokens().contains(read.scene(s).logToken()))
                        .anyMatch(map -> !map.filename().equals(sound)))
            .findFirst()
            .orElseThrow();
    if (read.tables().maps().size() == 1) {
      assertThatThrownBy(() -> MapRegion.file(read, sample)).isInstanceOf(NuScenesException.class);
    }
  }

  /** samples/ and maps/ often lie on another disk. */
  @Test
  void linkedFoldersAreFollowed() throws Exception {
    Path base = EditableSet.simulate(folder);
    Path disk = Files.createDirectory(folder.resolve("disk"));
    for (String name : List.of("samples", "sweeps", "maps")) {
      Files.move(base.resolve(name), disk.resolve(name));
      Files.createSymbolicLink(base.resolve(name), Path.of("../disk").resolve(name));
    }
    ValidationReport report = DataSetValidator.of(base).validate();
    assertThat(report.findings()).isEmpty();
    assertThat(report.files()).isPositive();
  }

  @Test
  void whatIsQuotedMovesNoCursorAndIsShort() throws IOException, InterruptedException {
    Path base = EditableSet.simulate(folder);
    EditableSet set = new EditableSet(base);
    String hostile = "\u001b[31m\u009b2J\r\n\u202e\u2028\u0000" + "x".repeat(1 << 16);
    for (String table : List.of("scene", "sample", "category", "log", "sensor")) {
      set.table(table).getFirst().put("token", hostile + table);
      set.table(table).getFirst().replaceAll((k, v) -> v instanceof String ? hostile + k : v);
    }
    set.table("sample_data").getFirst().put("filename", hostile);
    Path written = set.write(folder.resolve("set"));
    ValidationReport report = DataSetValidator.of(written).files(FileScope.MAPS).validate();
    assertThat(report.findings()).isNotEmpty();
    for (Finding finding : report.findings()) {
      assertThat(finding.toString()).hasSizeLessThan(2500);
      assertThat(finding.toString().codePoints())
          .noneMatch(c -> Character.isISOControl(c) || c == 0x202e || c == 0x2028);
    }
    assertThatThrownBy(() -> NuScenes.load(written))
        .isInstanceOf(NuScenesException.class)
        .message()
        .matches("\\P{Cntrl}*")
        .hasSizeLessThan(2500)
        .doesNotContain("\u009b", "\u202e");
    assertThat(Printable.of("\u001b[1mümlaut 日本", 80)).isEqualTo("\\u001b[1mümlaut 日本");
  }

  /**
   * 65,536 texts of one FNV-1a hash: at each of 16 places one of two blocks, which lead the hash
   * from the same value to the same. With that hash each of them was compared with all before it.
   */
  @Test
  void textsOfOneHashCostNoMoreThanOthers() {
    List<String> texts = List.of("");
    int state = 0x811c9dc5;
    for (int place = 0; place < 16; place++) {
      Map<Integer, String> seen = new HashMap<>();
      String[] pair = null;
      int next = 0;
      for (int i = 0; pair == null; i++) {
        String block = String.format(Locale.ROOT, "%08x", i);
        next = fnv(state, block);
        String other = seen.put(next, block);
        pair = other == null ? null : new String[] {other, block};
      }
      List<String> longer = new ArrayList<>();
      for (String text : texts) {
        longer.add(text + pair[0]);
        longer.add(text + pair[1]);
      }
      texts = longer;
      state = next;
    }
    List<String> all = texts;
    assertThat(all).hasSize(1 << 16);
    assertThat(all.stream().mapToInt(text -> fnv(0x811c9dc5, text)).distinct().count()).isOne();
    TextIndex index = new TextIndex();
    assertTimeoutPreemptively(
        Duration.ofSeconds(20),
        () -> {
          for (String text : all) {
            index.add(text);
          }
          for (int i = 0; i < all.size(); i++) {
            assertThat(index.find(all.get(i)) == i).isTrue();
          }
        });
  }

  private static int fnv(int state, String text) {
    int hash = state;
    for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ each) * 0x01000193;
    }
    return hash;
  }
}
