package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Writes detections in the nuScenes submission format ({@code results_nusc.json}), sample by
 * sample, and puts the file in place only at {@link #finish()}. For the evaluation every sample of
 * the split must be written, also without detections.
 */
public final class SubmissionWriter implements AutoCloseable {
  /** The most boxes the format allows a sample. */
  public static final int MAX_BOXES = 500;

  private static final JsonFactory JSON =
      JsonFactory.builder().disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS).build();

  private final Path target;
  private final AtomicFile file;
  private final JsonGenerator json;
  private final Set<String> written = new HashSet<>();

  /** What a submission declares to have used. */
  public record Meta(boolean camera, boolean lidar, boolean radar, boolean map, boolean external) {
    /** Cameras only. */
    public static final Meta CAMERA = new Meta(true, false, false, false, false);
  }

  /**
   * Begins a submission.
   *
   * @param target where the finished file will appear
   * @throws NuScenesException if the file cannot be made
   */
  public SubmissionWriter(Path target, Meta meta) {
    this.target = target;
    try {
      this.file = new AtomicFile(target);
    } catch (IOException e) {
      throw fault(e);
    }
    try {
      this.json = JSON.createGenerator(file.stream(), JsonEncoding.UTF8);
      json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
      json.writeStartObject();
      json.writeObjectFieldStart("meta");
      json.writeBooleanField("use_camera", meta.camera());
      json.writeBooleanField("use_lidar", meta.lidar());
      json.writeBooleanField("use_radar", meta.radar());
      json.writeBooleanField("use_map", meta.map());
      json.writeBooleanField("use_external", meta.external());
      json.writeEndObject();
      json.writeObjectFieldStart("results");
    } catch (IOException e) {
      close();
      throw fault(e);
    }
  }

  /**
   * Adds one sample. Each box gets the attribute that {@link DetectionClass#attributeForSpeed}
   * gives for its speed.
   *
   * @param sampleToken not written before
   * @param frameToGlobal from the frame of the detections to the global frame, e.g. {@link
   *     DetectionSample#egoToGlobal()}
   * @param detections in any order; the 500 of highest score are written, highest first
   * @throws NuScenesException if the sample was written before or the file cannot be written
   */
  public void write(String sampleToken, Pose frameToGlobal, List<Detection> detections) {
    if (!written.add(sampleToken)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT, "submission %s: sample %s is written twice", target, sampleToken));
    }
    List<Detection> best =
        detections.stream()
            .sorted(Comparator.comparingDouble(Detection::score).reversed())
            .limit(MAX_BOXES)
            .toList();
    try {
      json.writeArrayFieldStart(sampleToken);
      for (Detection detection : best) {
        writeBox(sampleToken, detection.box().transformed(frameToGlobal), detection);
      }
      json.writeEndArray();
    } catch (IOException e) {
      throw fault(e);
    }
  }

  private void writeBox(String sampleToken, Box3d box, Detection detection) throws IOException {
    Pose pose = box.pose();
    json.writeStartObject();
    json.writeStringField("sample_token", sampleToken);
    writeNumbers("translation", pose.tx(), pose.ty(), pose.tz());
    writeNumbers("size", box.width(), box.length(), box.height());
    writeNumbers("rotation", pose.qw(), pose.qx(), pose.qy(), pose.qz());
    // A velocity that is not known is the literal NaN, which the format's readers accept.
    writeNumbers("velocity", box.vx(), box.vy());
    json.writeStringField("detection_name", detection.detectionClass().detectionName());
    json.writeNumberField("detection_score", detection.score());
    json.writeStringField(
        "attribute_name", detection.detectionClass().attributeForSpeed(box.speed()));
    json.writeEndObject();
  }

  private void writeNumbers(String field, double... numbers) throws IOException {
    json.writeArrayFieldStart(field);
    for (double number : numbers) {
      json.writeNumber(number);
    }
    json.writeEndArray();
  }

  /** Completes the file and puts it under its name. */
  public void finish() {
    try {
      json.writeEndObject();
      json.writeEndObject();
      json.close();
      file.commit();
    } catch (IOException e) {
      throw fault(e);
    }
  }

  /** Leaves nothing behind unless {@link #finish()} was called. */
  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw fault(e);
    }
  }

  private NuScenesException fault(IOException e) {
    return new NuScenesException(
        String.format(
            Locale.ROOT, "submission %s cannot be written: %s", target, PathFaults.reason(e)),
        e);
  }
}
