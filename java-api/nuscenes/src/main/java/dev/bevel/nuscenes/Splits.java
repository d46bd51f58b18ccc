package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which scenes belong to which split: the official lists ({@code train}, {@code val}, {@code test},
 * {@code mini_train}, {@code mini_val}, {@code train_detect}, {@code train_track}), and those that
 * a data set brings along in {@code <version>/splits.json}, an object of scene names by split.
 */
public final class Splits {
  private static final Logger LOG = LoggerFactory.getLogger(Splits.class);
  private static final String RESOURCE = "splits.json";
  private static final Map<String, List<String>> OFFICIAL = official();

  /** Key frames of official splits, as published. */
  private static final Map<String, Integer> SAMPLES =
      Map.of("train", 28_130, "val", 6_019, "test", 6_008, "mini_train", 323, "mini_val", 81);

  private Splits() {}

  /**
   * Scene names of a split.
   *
   * @param split an official name, or one of the data set's own
   * @throws NuScenesException if there is no such split, it is empty, or the official split is not
   *     of this version ({@code val} is of a version that ends in trainval, {@code mini_val} of
   *     mini)
   */
  public static List<String> scenes(NuScenes set, String split) {
    List<String> official = OFFICIAL.get(split);
    if (official != null) {
      String ending = versionOf(split);
      boolean hidden = own(set).containsKey(split);
      String remedy =
          String.format(
              Locale.ROOT,
              "the official split %s hides that of the same name in %s: rename that",
              split,
              file(set));
      if (!set.version().endsWith(ending)) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "split %s needs a version that ends in %s, got %s%s",
                split,
                ending,
                set.version(),
                hidden ? "; " + remedy : ""));
      }
      if (hidden) {
        LOG.warn("{}", remedy);
      }
      return official;
    }
    Map<String, List<String>> own = own(set);
    List<String> scenes = own.get(split);
    if (scenes == null) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "there is no split '%s'; there are %s and, of %s itself, %s",
              Printable.of(split, 80),
              OFFICIAL.keySet(),
              set.version(),
              own.keySet()));
    }
    if (scenes.isEmpty()) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "file %s: split '%s' must name a scene at least, it is empty",
              file(set),
              Printable.of(split, 80)));
    }
    return scenes;
  }

  /**
   * What a data set has of a split, where that is not all: figures of a part are not those of the
   * split. Whole are a split all of whose scenes have samples and, if it is official, as many
   * samples as were published.
   *
   * @param split an official name, or one of the data set's own
   * @return e.g. {@code "81 of the 6,019 samples and 2 of the 150 scenes of split val"}; empty if
   *     it is whole
   * @throws NuScenesException as {@link #scenes}
   */
  public static Optional<String> partOf(NuScenes set, String split) {
    Set<String> wanted = new HashSet<>(scenes(set, split));
    Set<String> there = new HashSet<>();
    int samples = 0;
    for (TableRecord.Sample sample : set.samples()) {
      String scene = set.scene(sample).name();
      if (wanted.contains(scene)) {
        there.add(scene);
        samples++;
      }
    }
    Integer published = SAMPLES.get(split);
    if (there.size() == wanted.size() && (published == null || samples >= published)) {
      return Optional.empty();
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "%s and %d of the %s of split %s",
            published == null
                ? Counted.of(samples, "sample")
                : samples + " of the " + Counted.of(published, "sample"),
            there.size(),
            Counted.of(wanted.size(), "scene"),
            split));
  }

  /**
   * The splits of a data set that a scene is in: official ones of its version, then its own.
   *
   * @throws NuScenesException if the data set's {@code splits.json} is damaged
   */
  public static List<String> of(NuScenes set, String scene) {
    Map<String, List<String>> there = new LinkedHashMap<>(own(set));
    OFFICIAL.forEach(
        (split, scenes) -> {
          if (set.version().endsWith(versionOf(split))) {
            there.put(split, scenes);
          }
        });
    return there.keySet().stream()
        .filter(split -> there.getOrDefault(split, List.of()).contains(scene))
        .toList();
  }

  private static String versionOf(String split) {
    if (split.startsWith("mini_")) {
      return "mini";
    }
    return split.equals("test") ? "test" : "trainval";
  }

  private static Path file(NuScenes set) {
    return set.dataRoot().resolve(set.version()).resolve(RESOURCE);
  }

  private static Map<String, List<String>> own(NuScenes set) {
    Path file = file(set);
    if (Files.notExists(file)) {
      return Map.of();
    }
    SensorFiles.require(file, "file");
    try (InputStream in = Files.newInputStream(file)) {
      return read(file.toString(), in);
    } catch (IOException e) {
      throw SensorFiles.unreadable(file, "file", e);
    }
  }

  private static Map<String, List<String>> official() {
    try (InputStream in =
        Objects.requireNonNull(Splits.class.getResourceAsStream(RESOURCE), RESOURCE)) {
      return read(RESOURCE, in);
    } catch (IOException e) {
      throw new NuScenesException(RESOURCE + " of this jar cannot be read: " + e, e);
    }
  }

  private static Map<String, List<String>> read(String name, InputStream in) throws IOException {
    Map<String, List<String>> splits = new LinkedHashMap<>();
    try (JsonParser json = new JsonFactory().createParser(in)) {
      expect(name, json.nextToken(), JsonToken.START_OBJECT);
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String split = json.currentName();
        expect(name, json.nextToken(), JsonToken.START_ARRAY);
        List<String> scenes = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
          expect(name, json.currentToken(), JsonToken.VALUE_STRING);
          scenes.add(json.getText());
        }
        if (splits.put(split, List.copyOf(scenes)) != null) {
          throw new NuScenesException(
              String.format(
                  Locale.ROOT, "file %s holds two splits %s", name, Printable.of(split, 80)));
        }
      }
      expect(name, json.currentToken(), JsonToken.END_OBJECT);
      if (json.nextToken() != null) {
        throw new NuScenesException("file " + name + " goes on after the end of its object");
      }
    } catch (JsonProcessingException e) {
      throw new NuScenesException("file " + name + " is not valid JSON" + JsonFaults.told(e), e);
    }
    return splits;
  }

  private static void expect(String name, JsonToken got, JsonToken expected) {
    if (got != expected) {
      throw new NuScenesException(
          "file " + name + " must be an object of arrays of scene names, by split");
    }
  }
}
