package dev.bevel.torch.head;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.torch.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class CenterHeadEdgeCasesTest {
  private static final HeadGrid GRID = new HeadGrid(-8, -4, 0.8, 1, 20, 10);
  private static final HeadTasks ONE =
      new HeadTasks(List.of(List.of(DetectionClass.CAR, DetectionClass.TRUCK)));
  private static final DecodeSettings SETTINGS =
      new DecodeSettings(0.1, 5, List.of(-9.0, -9.0, -5.0, 9.0, 9.0, 5.0), List.of(-1.0), 83);

  @Test
  void boxesAtTheEdgesOfTheMap() {
    TaskTarget target =
        assign(
            box(-8.79, 0), // truncates to column 0
            box(-8.81, 0), // column −1
            box(7.99, 3.99), // last cell
            box(8.0, 0)); // one past
    assertThat(Arrays.copyOf(target.used(), 4)).containsExactly(true, false, true, false);
    assertThat(target.cells()[0]).isEqualTo(5 * 20);
    assertThat(target.boxes()[0]).isNegative();
    assertThat(target.cells()[2]).isEqualTo(9 * 20 + 19);
    assertThat(target.heatmap()[9 * 20 + 19]).isEqualTo(1);
  }

  @Test
  void boxesWithoutVolumeTeachNothing() {
    double[] flat = box(0, 0);
    flat[3] = 0;
    double[] negative = box(0, 0);
    negative[5] = -1;
    TaskTarget target = assign(flat, negative);
    assertThat(target.count()).isZero();
    assertThat(target.heatmap()).containsOnly(0);
    assertThat(target.boxes()).containsOnly(0);
  }

  @Test
  void aHugeBoxCoversTheMapWithoutLeavingIt() {
    double[] huge = box(0, 0);
    huge[3] = 1e6;
    huge[4] = 1e6;
    TaskTarget target = assign(huge);
    assertThat(target.heatmap()[0]).isPositive();
    for (int i = GRID.cells(); i < 2 * GRID.cells(); i++) {
      assertThat(target.heatmap()[i]).as("other class").isZero();
    }
  }

  @Test
  void boxesBeyondTheLastSlotAreDropped() {
    List<double[]> boxes = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      boxes.add(box(i * 0.5, 0));
    }
    TaskTarget target =
        new CenterTargetAssigner(GRID, ONE, 4)
            .assign(List.of(new GroundTruth(boxes, new int[10])))
            .getFirst();
    assertThat(target.used()).hasSize(4).containsOnly(true);
  }

  @Test
  void truthThatMakesNoSenseIsRefused() {
    double[] bad = box(0, 0);
    bad[2] = Double.NaN;
    assertThatThrownBy(() -> new GroundTruth(List.of(bad), new int[] {0}))
        .hasMessage("GroundTruth: box 0 has the value NaN at position 2, expected a finite number");
    assertThatThrownBy(() -> new GroundTruth(List.of(new double[7]), new int[] {0}))
        .hasMessageContaining("9 numbers");
    assertThatThrownBy(() -> new GroundTruth(List.of(), new int[] {0}))
        .hasMessageContaining("0 boxes and 1 labels");
    double[] fast = box(0, 0);
    fast[8] = Double.POSITIVE_INFINITY;
    assertThatThrownBy(() -> new GroundTruth(List.of(fast), new int[] {0}))
        .hasMessageContaining("the value Infinity at position 8");
    for (int label : new int[] {-1, 10}) {
      assertThatThrownBy(() -> new GroundTruth(List.of(box(0, 0)), new int[] {label}))
          .hasMessage("GroundTruth: label 0 must be in 0..9, got " + label);
    }
    assertThatThrownBy(() -> new HeadTasks(List.of(List.of(DetectionClass.TRUCK))))
        .hasMessageContaining("label order");
    assertThatThrownBy(() -> new HeadGrid(0, 0, 0, 1, 1, 1)).hasMessageContaining("voxelSize");
  }

  @Test
  void equalScoresComeInOrderOfClassAndCell() {
    float[] logits = new float[2 * GRID.cells()];
    List<DecodedBox> found = decode(logits, 0);
    assertThat(found).hasSize(5);
    for (int i = 0; i < 5; i++) {
      assertThat(found.get(i).label()).isZero();
      assertThat(found.get(i).box()[0]).isEqualTo(i * 0.8f - 8f);
    }
  }

  @Test
  void scoresThatAreNoNumbersAndBoxesOutOfRangeAreNotDetected() {
    float[] logits = new float[2 * GRID.cells()];
    Arrays.fill(logits, -20);
    logits[3] = Float.NaN;
    logits[7] = Float.POSITIVE_INFINITY;
    logits[GRID.cells() + 7] = 2;
    List<DecodedBox> found = decode(logits, 0);
    assertThat(found).extracting(DecodedBox::label).containsExactly(0, 1);
    assertThat(found.getFirst().score()).isEqualTo(1);
    assertThat(found.getFirst().detectionClass()).isEqualTo(DetectionClass.CAR);
    assertThat(decode(logits, 7)).isEmpty();
    assertThat(decode(logits, Float.NaN)).isEmpty();
  }

  @Test
  void numbersThatAreNoBoxAreNotDetected() {
    float[] logits = new float[2 * GRID.cells()];
    Arrays.fill(logits, -20);
    for (int cell = 0; cell < 6; cell++) {
      logits[cell] = 6 - cell;
    }
    int cells = GRID.cells();
    float[] dim = new float[3 * cells];
    float[] rot = new float[2 * cells];
    float[] vel = new float[2 * cells];
    dim[0] = 1000; // exp is infinite
    dim[cells + 1] = -1000; // exp is 0
    dim[2 * cells + 2] = Float.NaN;
    rot[3] = Float.NaN;
    vel[cells + 4] = Float.POSITIVE_INFINITY;
    try (TensorScope scope = TensorScope.open()) {
      assertThat(TensorScope.current()).isSameAs(scope);
      TaskPrediction prediction =
          new TaskPrediction(
              zeros(2, 10, 20),
              zeros(1, 10, 20),
              Tensor.create(dim, 1, 3, 10, 20),
              Tensor.create(rot, 1, 2, 10, 20),
              Tensor.create(vel, 1, 2, 10, 20),
              Tensor.create(logits, 1, 2, 10, 20));
      DecodeSettings six = new DecodeSettings(0.1, 6, SETTINGS.range(), List.of(-1.0), 83);
      List<DecodedBox> found =
          new CenterDecoder(GRID, ONE, six).decode(List.of(prediction)).getFirst();
      assertThat(found).hasSize(1);
      assertThat(found.getFirst().box()[0]).isEqualTo(5 * 0.8f - 8f);
    }
  }

  /** Of every map, each value that no box can have, and where the count of the others ends up. */
  @Test
  void whatIsDroppedIsCountedByMap() {
    int cells = GRID.cells();
    float[] logits = new float[2 * cells];
    Arrays.fill(logits, -20);
    logits[0] = 3;
    logits[1] = 2;
    logits[cells] = 1; // the second class in the first cell
    float nan = Float.NaN;
    float infinite = Float.POSITIVE_INFINITY;
    Map<String, float[]> senseless =
        Map.of(
            "reg", new float[] {nan, infinite, -1e30f, 25},
            "height", new float[] {nan, -infinite, 1e30f, -17},
            "dim", new float[] {nan, infinite, -infinite, 200, -200},
            "rot", new float[] {nan},
            "vel", new float[] {nan, infinite});
    Map<String, Integer> channels = Map.of("reg", 2, "height", 1, "dim", 3, "rot", 2, "vel", 2);
    try (TensorScope scope = TensorScope.open()) {
      assertThat(TensorScope.current()).isSameAs(scope);
      senseless.forEach(
          (map, values) -> {
            for (float value : values) {
              for (int channel = 0; channel < channels.getOrDefault(map, 0); channel++) {
                float[] changed = new float[channels.getOrDefault(map, 0) * cells];
                changed[channel * cells] = value;
                Map<String, float[]> maps = Map.of(map, changed);
                String what = map + " " + channel + ": " + value;
                CenterDecoder.Sample sample = decodeCounted(logits, maps);
                assertThat(sample.boxes()).as(what).hasSize(1);
                assertThat(sample.dropped()).as(what).hasSize(1);
                CenterDecoder.Dropped dropped = sample.dropped().getFirst();
                assertThat(dropped.map()).as(what).isEqualTo(map);
                assertThat(dropped.count()).as(what).isEqualTo(2);
                assertThat(dropped.candidates()).as(what).isEqualTo(3);
              }
            }
          });
    }
  }

  private static CenterDecoder.Sample decodeCounted(float[] logits, Map<String, float[]> maps) {
    int cells = GRID.cells();
    TaskPrediction prediction =
        new TaskPrediction(
            Tensor.create(maps.getOrDefault("reg", new float[2 * cells]), 1, 2, 10, 20),
            Tensor.create(maps.getOrDefault("height", new float[cells]), 1, 1, 10, 20),
            Tensor.create(maps.getOrDefault("dim", new float[3 * cells]), 1, 3, 10, 20),
            Tensor.create(maps.getOrDefault("rot", new float[2 * cells]), 1, 2, 10, 20),
            Tensor.create(maps.getOrDefault("vel", new float[2 * cells]), 1, 2, 10, 20),
            Tensor.create(logits, 1, 2, 10, 20));
    DecodeSettings all = new DecodeSettings(0.1, 6, SETTINGS.range(), List.of(-1.0), 9);
    return new CenterDecoder(GRID, ONE, all).decodeCounted(List.of(prediction)).getFirst();
  }

  @Test
  void mapsOfAnotherSizeAreNamed() {
    try (TensorScope scope = TensorScope.open()) {
      CenterDecoder decoder = new CenterDecoder(GRID, ONE, SETTINGS);
      TaskPrediction small = prediction(new float[2 * 6], 0, 2, 3);
      assertThatThrownBy(() -> decoder.decode(List.of(small)))
          .hasMessage(
              "CenterDecoder: the heatmap of task 0 must be [B, 2, 10, 20], got [B, 2, 2, 3]");
      assertThatThrownBy(() -> decoder.decode(List.of())).hasMessageContaining("1 task");
    }
    assertThatThrownBy(() -> new CenterDecoder(GRID, HeadTasks.NUSCENES_SIX, SETTINGS))
        .hasMessageContaining("each of 6 tasks");
  }

  private static TaskTarget assign(double[]... boxes) {
    return new CenterTargetAssigner(GRID, ONE, 10)
        .assign(List.of(new GroundTruth(List.of(boxes), new int[boxes.length])))
        .getFirst();
  }

  private static double[] box(double x, double y) {
    return new double[] {x, y, -1, 2, 1, 1.5, 0, 0, 0};
  }

  private static List<DecodedBox> decode(float[] logits, float height) {
    try (TensorScope scope = TensorScope.open()) {
      return new CenterDecoder(GRID, ONE, SETTINGS)
          .decode(List.of(prediction(logits, height, 10, 20)))
          .getFirst();
    }
  }

  private static TaskPrediction prediction(float[] logits, float height, int rows, int columns) {
    float[] heights = new float[rows * columns];
    Arrays.fill(heights, height);
    return new TaskPrediction(
        zeros(2, rows, columns),
        Tensor.create(heights, 1, 1, rows, columns),
        zeros(3, rows, columns),
        zeros(2, rows, columns),
        zeros(2, rows, columns),
        Tensor.create(logits, 1, 2, rows, columns));
  }

  private static Tensor zeros(int channels, int rows, int columns) {
    return Tensor.create(new float[channels * rows * columns], 1, channels, rows, columns);
  }
}
