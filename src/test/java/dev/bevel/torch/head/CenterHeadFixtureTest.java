package dev.bevel.torch.head;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.testing.TestData;
import dev.bevel.torch.TensorScope;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The numbers that mmdetection3d's own CenterHead gave, from {@code
 * module-fixtures/centerhead.json}.
 */
class CenterHeadFixtureTest {
  private static final HeadGrid GRID = new HeadGrid(-12.8, -12.8, 0.2, 4, 32, 32);
  private static final int MAX_OBJECTS = 20;

  private static JsonNode fixture;

  @BeforeAll
  static void read() throws IOException {
    fixture =
        new ObjectMapper().readTree(TestData.require("module-fixtures/centerhead.json").toFile());
  }

  @Test
  void targetsAreThoseOfTheReference() {
    List<TaskTarget> targets =
        new CenterTargetAssigner(GRID, HeadTasks.NUSCENES_SIX, MAX_OBJECTS)
            .assign(List.of(truth()));

    assertThat(targets).hasSize(6);
    for (int task = 0; task < 6; task++) {
      TaskTarget target = targets.get(task);
      float[] heatmap = floats(fixture.get("heatmaps").get(task));
      assertThat(target.heatmap()).hasSize(heatmap.length).containsExactly(heatmap, within(1e-5f));
      assertThat(target.boxes())
          .containsExactly(floats(fixture.get("anno").get(task)), within(1e-5f));
      assertThat(target.cells()).containsExactly(longs(fixture.get("ind").get(task)));
      long[] mask = longs(fixture.get("mask").get(task));
      for (int slot = 0; slot < MAX_OBJECTS; slot++) {
        assertThat(target.used()[slot]).isEqualTo(mask[slot] == 1);
      }
    }
  }

  @Test
  void radiiAreThoseOfTheReference() {
    assertThat(fixture.get("gaussian_radius")).isNotEmpty();
    for (JsonNode c : fixture.get("gaussian_radius")) {
      double radius =
          GaussianHeatmap.radius(
              c.get("length").asDouble(), c.get("width").asDouble(), c.get("overlap").asDouble());
      assertThat(radius).isCloseTo(c.get("radius").asDouble(), within(1e-5));
    }
  }

  @Test
  void decodedBoxesAreThoseOfTheReference() {
    List<DecodedBox> detections = decode(-1);
    assertThat(detections).hasSize(30);
    float[] boxes = floats(fixture.get("decode").get("bboxes"));
    float[] scores = floats(fixture.get("decode").get("scores"));
    float[] labels = floats(fixture.get("decode").get("labels"));
    for (int i = 0; i < 30; i++) {
      DecodedBox d = detections.get(i);
      assertThat(d.score()).as("score %d", i).isCloseTo(scores[i], within(1e-5f));
      assertThat(d.label()).as("label %d", i).isEqualTo((int) labels[i]);
      for (int k = 0; k < 9; k++) {
        assertThat((float) d.box()[k])
            .as("box %d, number %d", i, k)
            .isCloseTo(boxes[9 * i + k], within(1e-5f * Math.max(1, Math.abs(boxes[9 * i + k]))));
      }
    }
  }

  @Test
  void circleNmsKeepsWhatTheReferenceKeeps() {
    List<DecodedBox> detections = new ArrayList<>();
    float[] boxes = floats(fixture.get("decode").get("bboxes"));
    float[] scores = floats(fixture.get("decode").get("scores"));
    for (int i = 0; i < scores.length; i++) {
      detections.add(new DecodedBox(0, scores[i], box(boxes, i)));
    }
    JsonNode expected = fixture.get("circle_nms_keep");
    assertThat(expected.size()).isEqualTo(4);
    List<DecodedBox> shuffled = new ArrayList<>(detections);
    Collections.shuffle(shuffled, new Random(3));
    expected
        .properties()
        .forEach(
            entry -> {
              double threshold = Double.parseDouble(entry.getKey());
              List<Integer> kept =
                  CircleNms.keep(shuffled, threshold, 83).stream()
                      .map(detections::indexOf)
                      .toList();
              assertThat(kept)
                  .as("threshold %s", threshold)
                  .containsExactly(
                      IntStream.range(0, entry.getValue().size())
                          .mapToObj(i -> entry.getValue().get(i).asInt())
                          .toArray(Integer[]::new));
            });
  }

  @Test
  void noMoreThanTheLimitIsKept() {
    List<DecodedBox> all = decode(-1);
    assertThat(CircleNms.keep(all, -1, 7)).isEqualTo(all.subList(0, 7)).hasSize(7);
  }

  /** The fixture's maps with their scores and sizes turned back into what the network puts out. */
  private static List<DecodedBox> decode(double nmsThreshold) {
    JsonNode maps = fixture.get("decode");
    HeadTasks twoClasses =
        new HeadTasks(List.of(List.of(DetectionClass.CAR, DetectionClass.TRUCK)));
    DecodeSettings settings =
        new DecodeSettings(0.1, 30, DecodeSettings.NUSCENES_RANGE, List.of(nmsThreshold), 30);
    try (TensorScope scope = TensorScope.open()) {
      Tensor rot = tensor(concat(floats(maps.get("rot_sine")), floats(maps.get("rot_cosine"))), 2);
      TaskPrediction prediction =
          new TaskPrediction(
              tensor(floats(maps.get("reg")), 2),
              tensor(floats(maps.get("hei")), 1),
              tensor(floats(maps.get("dim")), 3).log(),
              rot,
              tensor(floats(maps.get("vel")), 2),
              tensor(floats(maps.get("heat")), 2).logit());
      List<List<DecodedBox>> decoded =
          new CenterDecoder(GRID, twoClasses, settings).decode(List.of(prediction));
      assertThat(decoded).hasSize(1);
      return decoded.getFirst();
    }
  }

  private static GroundTruth truth() {
    float[] values = floats(fixture.get("boxes"));
    List<double[]> boxes = new ArrayList<>();
    for (int i = 0; i < values.length / 9; i++) {
      boxes.add(box(values, i));
    }
    return new GroundTruth(boxes, floatsToInts(floats(fixture.get("labels"))));
  }

  private static double[] box(float[] values, int index) {
    double[] box = new double[9];
    for (int k = 0; k < 9; k++) {
      box[k] = values[9 * index + k];
    }
    return box;
  }

  private static Tensor tensor(float[] values, int channels) {
    return Tensor.create(values, 1, channels, GRID.height(), GRID.width());
  }

  private static float[] floats(JsonNode node) {
    JsonNode data = node.get("data");
    float[] values = new float[data.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = data.get(i).floatValue();
    }
    return values;
  }

  private static long[] longs(JsonNode node) {
    JsonNode data = node.get("data");
    return IntStream.range(0, data.size()).mapToLong(i -> data.get(i).asLong()).toArray();
  }

  private static int[] floatsToInts(float[] values) {
    return IntStream.range(0, values.length).map(i -> (int) values[i]).toArray();
  }

  private static float[] concat(float[] a, float[] b) {
    float[] all = new float[a.length + b.length];
    System.arraycopy(a, 0, all, 0, a.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }
}
