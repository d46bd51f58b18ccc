package dev.bevel.nuscenes.evaluation;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.JsonFaults;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathFaults;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.Printable;
import java.io.BufferedInputStream;
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
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Reads a submission in nuScenes' format, box by box: {@code {"meta": {…}, "results": {sample
 * token: [box, …]}}}. A box has {@code sample_token}, {@code translation} (3, gravity centre,
 * global frame), {@code size} (width, length, height), {@code rotation} (w, x, y, z), {@code
 * velocity} (2, NaN allowed), {@code detection_name}, {@code detection_score} (−1 where it is not
 * there) and {@code attribute_name} (may be empty); other fields are passed over. Every error names
 * the file, the sample and the box.
 */
public final class SubmissionReader {
  /** Not shared: a factory remembers the field names of all that it has read. */
  private static JsonFactory json() {
    return JsonFactory.builder()
        .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER) // correctly rounded, too
        .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
        .streamReadConstraints(
            StreamReadConstraints.builder()
                .maxStringLength(1 << 16)
                .maxNumberLength(64)
                .maxNestingDepth(16)
                .build())
        .build();
  }

  /** The benchmark's score of a box that gives none. */
  private static final double WITHOUT_SCORE = -1;

  /** One copy of each name a box may have. */
  private static final Map<String, String> ATTRIBUTES =
      Stream.of(
              "",
              "vehicle.moving",
              "vehicle.parked",
              "vehicle.stopped",
              "cycle.with_rider",
              "cycle.without_rider",
              "pedestrian.moving",
              "pedestrian.sitting_lying_down",
              "pedestrian.standing")
          .collect(Collectors.toUnmodifiableMap(Function.identity(), Function.identity()));

  /** A token has 32 characters. */
  private static final int MAX_SHOWN = 80;

  private final Path file;
  private final JsonParser json;
  private final Function<String, Optional<Integer>> index;
  private final boolean passOthers;
  private final Map<String, Boolean> meta = new LinkedHashMap<>();
  private final List<EvaluationBox> boxes = new ArrayList<>();
  private final Set<String> seen = new HashSet<>();

  /** Where the parser is: a sample's token or {@code ""}, and the number of a box or −1. */
  private String sampleToken = "";

  /** The first sample that is not asked for, and how many there are. */
  private @Nullable String foreign;

  private int foreignCount;

  private int boxNumber = -1;

  /**
   * @param index of a sample by its token, empty if the sample is not asked for
   * @param passOthers whether samples that are not asked for are passed over, else they are an
   *     error
   */
  private SubmissionReader(
      Path file, JsonParser json, Function<String, Optional<Integer>> index, boolean passOthers) {
    this.file = file;
    this.json = json;
    this.index = index;
    this.passOthers = passOthers;
  }

  private interface Reading<T> {
    T from(JsonParser json) throws IOException;
  }

  /**
   * Reads the detections of exactly the samples of a split.
   *
   * @throws NuScenesException if the file cannot be read, is not such a submission, has a box that
   *     cannot be evaluated or more than 500 in a sample, or its samples are not the split's
   */
  public static Submission read(Path file, EvaluationSet set) {
    return open(
        file,
        json -> {
          SubmissionReader reader = new SubmissionReader(file, json, set::index, false);
          Submission submission = reader.read();
          reader.checkNotOfOthers(set);
          reader.checkComplete(set);
          return submission;
        });
  }

  /**
   * Reads the detections of one sample, which have sample index 0; those of other samples are
   * passed over unchecked.
   *
   * @throws NuScenesException if the file cannot be read, is not such a submission, does not have
   *     the sample, or has a box in it that cannot be evaluated
   */
  public static List<EvaluationBox> readSample(Path file, String sampleToken) {
    return open(
        file,
        json -> {
          SubmissionReader reader =
              new SubmissionReader(
                  file,
                  json,
                  token -> token.equals(sampleToken) ? Optional.of(0) : Optional.empty(),
                  true);
          Submission submission = reader.read();
          if (reader.seen.isEmpty()) {
            throw reader.broken("has no sample " + shown(sampleToken));
          }
          return submission.boxes();
        });
  }

  private static <T> T open(Path file, Reading<T> reading) {
    String fault = PathFaults.asFile(file);
    if (fault != null) {
      throw new NuScenesException("submission " + file + " " + fault);
    }
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        JsonParser json = json().createParser(in)) {
      return reading.from(json);
    } catch (JsonProcessingException e) {
      throw new NuScenesException(
          "submission " + file + " is not valid JSON" + JsonFaults.told(e), e);
    } catch (IOException e) {
      throw new NuScenesException(
          "submission " + file + " cannot be read: " + PathFaults.reason(e), e);
    }
  }

  private Submission read() throws IOException {
    expect(json.nextToken(), JsonToken.START_OBJECT, "an object with meta and results");
    boolean results = false;
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      json.nextToken();
      switch (name) {
        case "meta" -> readMeta();
        case "results" -> {
          if (results) {
            throw broken("has two fields named results");
          }
          results = true;
          readResults();
        }
        default -> json.skipChildren();
      }
    }
    expect(json.currentToken(), JsonToken.END_OBJECT, "the end of the object");
    if (json.nextToken() != null) {
      throw broken("goes on after its end");
    }
    if (!results) {
      throw broken("has no field results");
    }
    return new Submission(meta, boxes);
  }

  private void readMeta() throws IOException {
    expect(json.currentToken(), JsonToken.START_OBJECT, "an object for meta");
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      JsonToken value = json.nextToken();
      if (value == JsonToken.VALUE_TRUE || value == JsonToken.VALUE_FALSE) {
        meta.put(name, json.getBooleanValue());
      } else {
        json.skipChildren();
      }
    }
  }

  private void readResults() throws IOException {
    expect(json.currentToken(), JsonToken.START_OBJECT, "an object for results");
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String token = json.currentName();
      sampleToken = token;
      boxNumber = -1;
      Optional<Integer> sample = index.apply(token);
      if (sample.isEmpty() && passOthers) {
        json.nextToken();
        json.skipChildren();
        continue;
      }
      if (sample.isEmpty()) {
        foreign = foreign == null ? token : foreign;
        foreignCount++;
        json.nextToken();
        json.skipChildren();
        continue;
      }
      if (!seen.add(token)) {
        throw broken("is there twice");
      }
      readSample(token, sample.get());
    }
    sampleToken = "";
    boxNumber = -1;
  }

  private void readSample(String token, int sample) throws IOException {
    expect(json.nextToken(), JsonToken.START_ARRAY, "an array of boxes");
    int count = 0;
    while (json.nextToken() != JsonToken.END_ARRAY) {
      boxNumber = count;
      if (++count > EvaluationConfig.MAX_BOXES) {
        throw broken("is one too many, " + EvaluationConfig.MAX_BOXES + " are allowed");
      }
      expect(json.currentToken(), JsonToken.START_OBJECT, "an object");
      boxes.add(readBox(token, sample));
    }
  }

  private EvaluationBox readBox(String token, int sample) throws IOException {
    double[] translation = {};
    double[] size = {};
    double[] rotation = {};
    double[] velocity = {};
    double score = WITHOUT_SCORE;
    @Nullable String name = null;
    @Nullable String attribute = null;
    String ownToken = "";
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String field = json.currentName();
      json.nextToken();
      switch (field) {
        case "sample_token" -> ownToken = text(field);
        case "translation" -> translation = numbers(field, 3);
        case "size" -> size = numbers(field, 3);
        case "rotation" -> rotation = numbers(field, 4);
        case "velocity" -> velocity = numbers(field, 2);
        case "detection_name" -> name = text(field);
        case "detection_score" -> score = number(field);
        case "attribute_name" -> attribute = text(field);
        default -> json.skipChildren();
      }
    }
    if (!ownToken.equals(token)) {
      throw broken("has sample_token '" + shown(ownToken) + "'");
    }
    require(translation.length > 0, "translation");
    require(size.length > 0, "size");
    require(rotation.length > 0, "rotation");
    require(velocity.length > 0, "velocity");
    if (name == null || attribute == null) {
      throw broken("has no field " + (name == null ? "detection_name" : "attribute_name"));
    }
    String known = ATTRIBUTES.get(attribute);
    if (known == null) {
      throw broken("has an unknown attribute_name '" + shown(attribute) + "'");
    }
    if (Double.isInfinite(velocity[0]) || Double.isInfinite(velocity[1])) {
      throw broken("has an infinite velocity");
    }
    try {
      return new EvaluationBox(
          sample,
          DetectionClass.ofName(name),
          translation[0],
          translation[1],
          translation[2],
          size[0],
          size[1],
          size[2],
          yaw(rotation),
          velocity[0],
          velocity[1],
          score,
          known,
          -1);
    } catch (NuScenesException e) {
      throw new NuScenesException("submission " + file + place() + ": " + e.getMessage(), e);
    }
  }

  /** The benchmark takes a rotation of zeros for none. */
  private static double yaw(double[] rotation) {
    for (double part : rotation) {
      if (part != 0) {
        return Pose.of(new double[3], rotation).yaw();
      }
    }
    return 0;
  }

  private void checkNotOfOthers(EvaluationSet set) {
    if (foreign == null) {
      return;
    }
    sampleToken = foreign;
    throw broken(
        String.format(
            Locale.ROOT,
            "is not of the split that is evaluated (its %s are of %s): %s; so it is with %d of the"
                + " %s in the file",
            Counted.of(set.samples(), "sample"),
            set.splits(),
            set.placeOf(foreign),
            foreignCount,
            Counted.of(foreignCount + seen.size(), "sample")));
  }

  private void checkComplete(EvaluationSet set) {
    if (seen.size() == set.samples()) {
      return;
    }
    Set<String> missing = new TreeSet<>(set.tokens());
    missing.removeAll(seen);
    throw broken(
        String.format(
            Locale.ROOT,
            "lacks %d of the %s of the split, e.g. %s; the benchmark wants every sample in it, one"
                + " without detections with []: detect in all of them (whose images must be there),"
                + " or list the scenes that you have as a split of your own in the splits.json"
                + " beside the tables and name that",
            missing.size(),
            Counted.of(set.samples(), "sample"),
            shown(missing.iterator().next())));
  }

  private void require(boolean given, String field) {
    if (!given) {
      throw broken("has no field " + field);
    }
  }

  private String text(String field) throws IOException {
    expect(json.currentToken(), JsonToken.VALUE_STRING, "a string for " + field);
    return json.getText();
  }

  private double number(String field) throws IOException {
    if (!json.currentToken().isNumeric()) {
      throw broken("must have a number for " + field + ", got " + shown(json.getText()));
    }
    return json.getDoubleValue();
  }

  private double[] numbers(String field, int count) throws IOException {
    expect(json.currentToken(), JsonToken.START_ARRAY, "an array for " + field);
    double[] values = new double[count];
    int at = 0;
    while (json.nextToken() != JsonToken.END_ARRAY) {
      if (at == count) {
        throw broken("must have " + count + " numbers for " + field + ", got more");
      }
      values[at++] = number(field);
    }
    if (at < count) {
      throw broken(
          String.format(Locale.ROOT, "must have %d numbers for %s, got %d", count, field, at));
    }
    return values;
  }

  private void expect(JsonToken got, JsonToken expected, String what) {
    if (got != expected) {
      throw broken("must have " + what + JsonFaults.at(json.currentLocation()));
    }
  }

  private static String shown(String text) {
    return Printable.of(text, MAX_SHOWN);
  }

  private String place() {
    return (sampleToken.isEmpty() ? "" : ", sample " + shown(sampleToken))
        + (boxNumber < 0 ? "" : ", box " + boxNumber);
  }

  private NuScenesException broken(String how) {
    return new NuScenesException("submission " + file + place() + " " + how);
  }

  /** Jackson gives no place for what exceeds its limits. */
}
