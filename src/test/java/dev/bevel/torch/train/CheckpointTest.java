package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.BoxConvention;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.report.TrainingHistory;
import dev.bevel.testing.Seed;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.head.LossTerms;
import dev.bevel.torch.io.SafeTensors;
import dev.bevel.torch.nn.Scopes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.assertj.core.api.ThrowableAssert;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // scopes are there to be closed
class CheckpointTest {
  private static final long MAX = TrainingHistory.MAX_STEP;
  private static final String HUGE = Long.toString(Long.MAX_VALUE);
  private static final WeightAverageSettings AVERAGE = new WeightAverageSettings(0.9, 5, 1);

  @TempDir private Path folder;

  private static Trainer.Settings settings(@Nullable WeightAverageSettings average) {
    return new Trainer.Settings(0.01, 0.02, 1, new LearningRate.Cosine(4, 0.1), average);
  }

  private static Trainer trainer(SmallNetwork network, long seed) {
    return new Trainer(network, settings(AVERAGE), seed);
  }

  @Test
  void fourStepsEqualTwoAndTwoBitForBit() throws IOException {
    Map<String, String> straight;
    StepReport lastStraight;
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9)) {
      run(trainer, network, 3);
      lastStraight = trainer.step(network.loss(3));
      straight = everything(trainer);
    }
    Path file = folder.resolve("two.safetensors");
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9)) {
      run(trainer, network, 2);
      Checkpoint.write(file, trainer, "name: x", BoxConvention.MMDET3D_1, null);
    }
    torch.manual_seed(12345);
    try (SmallNetwork network = new SmallNetwork(77);
        Trainer trainer = trainer(network, 9)) {
      Checkpoint.resume(file, trainer);
      assertThat(trainer.step()).isEqualTo(2);
      run(trainer, network, 1);
      StepReport last = trainer.step(network.loss(3));
      assertThat(last).isEqualTo(lastStraight);
      assertThat(everything(trainer)).containsExactlyEntriesOf(straight);
    }
    assertThat(Checkpoint.read(file))
        .isEqualTo(new Checkpoint("name: x", BoxConvention.MMDET3D_1, 2, 9, null));
  }

  /** Running statistics and the random generator have moved by the time a loss turns out bad. */
  @Test
  void afterAFailedStepTheStateBeforeItIsSaved() throws IOException {
    List<Consumer<SmallNetwork>> failures =
        List.of(
            network -> {
              throw new NuScenesException("a file is missing");
            },
            network -> {
              throw new OutOfMemoryError("none left");
            });
    Path before = folder.resolve("before.safetensors");
    Path after = folder.resolve("after.safetensors");
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9)) {
      run(trainer, network, 3);
      Checkpoint.write(before, trainer, "", BoxConvention.MMDET3D_1, null);
      for (Consumer<SmallNetwork> failure : failures) {
        assertThatThrownBy(
                () ->
                    trainer.step(
                        () -> {
                          LossTerms terms = network.loss(7).get();
                          failure.accept(network);
                          return terms;
                        }))
            .isNotInstanceOf(TrainingException.class);
        Checkpoint.write(after, trainer, "", BoxConvention.MMDET3D_1, null);
        assertThat(after).hasSameBinaryContentAs(before);
      }
      assertThatThrownBy(
              () ->
                  trainer.step(
                      () ->
                          new LossTerms()
                              .add(
                                  "bad",
                                  network.loss(7).get().total().mul(new Scalar(Double.NaN)))))
          .isInstanceOf(TrainingException.class);
      Checkpoint.write(after, trainer, "", BoxConvention.MMDET3D_1, null);
      assertThat(after).hasSameBinaryContentAs(before);
    }
  }

  @Test
  void aStateWithNotANumberIsNotWritten() throws IOException {
    Path file = folder.resolve("saved.safetensors");
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9)) {
      run(trainer, network, 1);
      Checkpoint.write(file, trainer, "", BoxConvention.MMDET3D_1, null);
      byte[] good = Files.readAllBytes(file);
      for (double value : new double[] {Double.NaN, Double.NEGATIVE_INFINITY}) {
        Scopes.withoutGradient(
            () -> network.tensor("norm.running_var").narrow(0, 3, 2).fill_(new Scalar(value)));
        assertThatThrownBy(() -> Checkpoint.write(file, trainer, "", BoxConvention.MMDET3D_1, null))
            .isInstanceOf(CheckpointException.class)
            .hasMessageStartingWith(
                file + " is not written: 2 of the 32 values of tensor norm.running_var are not");
        assertThat(file).hasBinaryContent(good);
      }
    }
  }

  /** Every tensor and all of the header: no byte can be another one. */
  @Test
  void damageAnywhereIsRefusedByEveryReader() throws IOException {
    Random random = Seed.random(CheckpointTest.class);
    Path file = folder.resolve("saved.safetensors");
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9)) {
      run(trainer, network, 1);
      Checkpoint.write(file, trainer, "name: x", BoxConvention.MMDET3D_1, null);
      Map<String, String> before = everything(trainer);
      byte[] bytes = Files.readAllBytes(file);
      int inWeights = 0;
      for (int at = 0; at < bytes.length; at += 1 + random.nextInt(60)) {
        byte[] damaged = bytes.clone();
        int length = Math.min(1 + random.nextInt(4), bytes.length - at);
        for (int i = at; i < at + length; i++) {
          damaged[i] ^= (byte) (1 + random.nextInt(255));
        }
        Files.write(file, damaged);
        assertThatThrownBy(() -> Checkpoint.resume(file, trainer))
            .as("byte %d of %d", at, bytes.length)
            .isInstanceOf(IOException.class)
            .hasMessageStartingWith(file + ": ");
        try {
          Checkpoint.loadWeights(file, network);
        } catch (IOException e) {
          inWeights++;
        }
      }
      assertThat(inWeights).isPositive();
      Files.write(file, bytes);
      assertThat(everything(trainer).keySet()).isEqualTo(before.keySet());
      Checkpoint.resume(file, trainer);
      assertThat(everything(trainer)).isEqualTo(before);
    }
  }

  private static void run(Trainer trainer, SmallNetwork network, int steps) {
    for (int i = 0; i < steps; i++) {
      trainer.step(network.loss(trainer.step()));
    }
  }

  private static Map<String, String> everything(Trainer trainer) {
    Map<String, Tensor> all = new LinkedHashMap<>(trainer.module().stateDict());
    try (TensorScope scope = TensorScope.open()) {
      trainer.optimizer().state().forEach((n, t) -> all.put("optimizer." + n, t));
      WeightAverage average = Objects.requireNonNull(trainer.average());
      average.state().forEach((n, t) -> all.put("average." + n, t));
      return TrainerTest.bits(all);
    }
  }

  @Test
  void inferenceTakesTheAverageWhereThereIsOne() throws IOException {
    Path averaged = folder.resolve("averaged.safetensors");
    Path plain = folder.resolve("plain.safetensors");
    Map<String, String> mean;
    Map<String, String> weights;
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 1)) {
      run(trainer, network, 3);
      Checkpoint.write(averaged, trainer, "", BoxConvention.MMDET3D_1, null);
      WeightAverage average = Objects.requireNonNull(trainer.average());
      mean = TrainerTest.bits(average.state());
    }
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = new Trainer(network, settings(null), 1)) {
      run(trainer, network, 3);
      Checkpoint.write(plain, trainer, "", BoxConvention.MMDET3D_1, null);
      weights = TrainerTest.bits(network.stateDict());
    }
    assertThat(mean).isNotEqualTo(weights);
    try (SmallNetwork network = new SmallNetwork(5)) {
      Checkpoint.loadWeights(averaged, network);
      assertThat(TrainerTest.bits(network.stateDict())).isEqualTo(mean);
      Checkpoint.loadWeights(plain, network);
      assertThat(TrainerTest.bits(network.stateDict())).isEqualTo(weights);
    }
  }

  @Test
  void whatDoesNotFitIsNamedAndChangesNothing() throws IOException {
    Path file = folder.resolve("saved.safetensors");
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9)) {
      run(trainer, network, 1);
      Checkpoint.write(file, trainer, "", BoxConvention.MMDET3D_1, null);
    }
    try (SmallNetwork network = new SmallNetwork(2);
        Trainer otherSeed = trainer(network, 8)) {
      Map<String, String> before = everything(otherSeed);
      assertThatThrownBy(() -> Checkpoint.resume(file, otherSeed))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(
              file + ": the training was started with seed 9, asked for is 8; give --seed 9");
      assertThat(everything(otherSeed)).isEqualTo(before);
    }
    try (SmallNetwork network = new SmallNetwork(2);
        Trainer withoutAverage = new Trainer(network, settings(null), 9)) {
      assertThatThrownBy(() -> Checkpoint.resume(file, withoutAverage))
          .hasMessageContaining("the weight average does not fit");
    }
  }

  @Test
  void changedFilesAreRefused() throws IOException {
    Path file = folder.resolve("saved.safetensors");
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9)) {
      run(trainer, network, 1);
      Checkpoint.write(file, trainer, "", BoxConvention.MMDET3D_1, null);
      Map<String, String> before = everything(trainer);

      Path shape = rewrite(file, "optimizer.exp_avg.second.weight", Map.of());
      assertThatThrownBy(() -> Checkpoint.resume(shape, trainer))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("exp_avg.second.weight must be [1, 32]")
          .hasMessageContaining("got [7]");
      Path weight = rewrite(file, "second.weight", Map.of());
      assertThatThrownBy(() -> Checkpoint.resume(weight, trainer))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("second.weight must be [1, 32], got [7]");
      assertThatThrownBy(
              () ->
                  Checkpoint.loadWeights(
                      rewrite(file, "average.second.weight", Map.of()), trainer.module()))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("second.weight must be [1, 32], got [7]");
      Path random = rewrite(file, "random.torch", Map.of());
      assertThatThrownBy(() -> Checkpoint.resume(random, trainer))
          .hasMessageContaining("state of the random generator does not fit");
      // Only what is written is read: no sign, no further zero, no digits of other scripts.
      for (String odd : List.of("+3", "03", "-0", " 3", "\u0663", "3.0", "3e0")) {
        Path numbered = rewrite(file, "", Map.of("bevel.step", odd));
        assertThatThrownBy(() -> Checkpoint.read(numbered))
            .as(odd)
            .hasMessageContaining("bevel.step must be a whole number from 0 to ");
        Path seeded = rewrite(file, "", Map.of("bevel.seed", odd));
        assertThatThrownBy(() -> Checkpoint.read(seeded))
            .as(odd)
            .hasMessageContaining("bevel.seed must be a whole number of at most ");
      }
      Path step = rewrite(file, "", Map.of("bevel.step", "many"));
      assertThatThrownBy(() -> Checkpoint.read(step))
          .hasMessageContaining("bevel.step must be a whole number from 0 to ")
          .hasMessageContaining("got 'many'");
      Path seed = rewrite(file, "", Map.of("bevel.seed", HUGE + "0"));
      assertThatThrownBy(() -> Checkpoint.read(seed))
          .hasMessageContaining("bevel.seed must be a whole number of at most 18 digits, ");
      String range = " must be a whole number from 0 to " + MAX + ", got ";
      for (String bad : List.of("-1", "2.5", "1e3", Long.toString(MAX + 1), HUGE, HUGE + "0", "")) {
        for (String key : List.of("bevel.step", "bevel.average_updates")) {
          Path changed = rewrite(file, "", Map.of(key, bad));
          assertThatThrownBy(() -> Checkpoint.resume(changed, trainer))
              .isInstanceOf(CheckpointException.class)
              .hasMessage(changed + ": " + key + range + "'" + bad + "'");
        }
      }
      for (long bad : new long[] {-8, MAX + 1, Long.MAX_VALUE, Long.MIN_VALUE}) {
        Path count =
            rewrite(
                file,
                "optimizer.step.first.bias",
                Map.of(),
                saved -> saved.clone().fill_(new Scalar(bad)));
        assertThatThrownBy(() -> Checkpoint.resume(count, trainer))
            .hasMessage(count + ": optimizer.step.first.bias" + range + bad);
      }
      assertThat(everything(trainer)).isEqualTo(before);
    }
  }

  /** One rule for weights, average, optimizer and generator: nothing is converted. */
  @Test
  void everyTensorHasTheDtypeOfTheTraining() throws IOException {
    Path file = folder.resolve("saved.safetensors");
    Path plain = folder.resolve("plain.safetensors");
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9);
        Trainer withoutAverage = new Trainer(network, settings(null), 9)) {
      run(trainer, network, 1);
      Checkpoint.write(file, trainer, "", BoxConvention.MMDET3D_1, null);
      Checkpoint.write(plain, withoutAverage, "", BoxConvention.MMDET3D_1, null);
      Map<String, String> before = everything(trainer);
      List<String> names;
      try (TensorScope scope = TensorScope.open()) {
        names = List.copyOf(SafeTensors.read(file).tensors().keySet());
      }
      assertThat(names).hasSizeGreaterThan(20);
      for (String name : names) {
        for (ScalarType dtype : List.of(ScalarType.Int, ScalarType.Half, ScalarType.Double)) {
          Path changed = rewrite(file, name, Map.of(), saved -> saved.to(dtype));
          assertRefusedForItsDtype(name, dtype, () -> Checkpoint.resume(changed, trainer));
          if (name.startsWith("average.")) {
            assertRefusedForItsDtype(name, dtype, () -> Checkpoint.loadWeights(changed, network));
          } else if (network.stateDict().containsKey(name)) {
            Path weight = rewrite(plain, name, Map.of(), saved -> saved.to(dtype));
            assertRefusedForItsDtype(name, dtype, () -> Checkpoint.loadWeights(weight, network));
          }
        }
      }
      assertThat(everything(trainer)).isEqualTo(before);
    }
  }

  private static void assertRefusedForItsDtype(
      String name, ScalarType dtype, ThrowableAssert.ThrowingCallable reading) {
    assertThatThrownBy(reading)
        .as(name)
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("does not fit: ")
        .hasMessageContaining(name.substring(name.lastIndexOf('.') + 1) + " must be ")
        .hasMessageEndingWith(" of " + dtype);
  }

  @Test
  void theBoxConventionMustBeStatedAndKnown() throws IOException {
    Path file = folder.resolve("saved.safetensors");
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9)) {
      Checkpoint.write(file, trainer, "", BoxConvention.MMDET3D_0, null);
      Checkpoint saved = Checkpoint.read(file);
      assertThat(saved.boxConvention()).isEqualTo(BoxConvention.MMDET3D_0);
      saved.require(file, BoxConvention.MMDET3D_0);
      assertThatThrownBy(() -> saved.require(file, BoxConvention.MMDET3D_1))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(
              file
                  + ": its boxes are in the convention mmdet3d-0, its configuration asks for"
                  + " mmdet3d-1");
      Path unknown = rewrite(file, "", Map.of("bevel.box_convention", "mmdet3d-7"));
      assertThatThrownBy(() -> Checkpoint.resume(unknown, trainer))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(
              "checkpoint "
                  + unknown
                  + " is in an unknown box convention 'mmdet3d-7', expected"
                  + " one of [mmdet3d-0, mmdet3d-1]");
      Path missing = folder.resolve("missing.safetensors");
      try (TensorScope scope = TensorScope.open()) {
        SafeTensors.Contents contents = SafeTensors.read(file);
        Map<String, String> metadata = new LinkedHashMap<>(contents.metadata());
        assertThat(metadata.remove("bevel.box_convention")).isEqualTo("mmdet3d-0");
        SafeTensors.write(missing, contents.tensors(), metadata);
      }
      assertThatThrownBy(() -> Checkpoint.read(missing))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("does not say which box convention it is in");
    }
  }

  @Test
  void otherFilesAreRefused() throws IOException {
    Path missing = folder.resolve("missing.safetensors");
    assertThatThrownBy(() -> Checkpoint.read(missing)).hasMessageContaining("does not exist");
    Path foreign = folder.resolve("foreign.safetensors");
    try (TensorScope scope = TensorScope.open()) {
      SafeTensors.write(foreign, Map.of("x", torch.ones(3)), Map.of());
    }
    assertThatThrownBy(() -> Checkpoint.read(foreign))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("not a checkpoint of Bevel, its metadata has no bevel.config");
    Path half = folder.resolve("half.safetensors");
    byte[] bytes = Files.readAllBytes(foreign);
    Files.write(half, java.util.Arrays.copyOf(bytes, bytes.length - 5));
    assertThatThrownBy(() -> Checkpoint.read(half)).isInstanceOf(IOException.class);
  }

  @Test
  void aDamagedRandomStateIsNamed() throws IOException {
    Path file = folder.resolve("saved.safetensors");
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = trainer(network, 9)) {
      Checkpoint.write(file, trainer, "", BoxConvention.MMDET3D_1, null);
      Path random = rewrite(file, "random.torch", Map.of(), saved -> saved.bitwise_not());
      assertThatThrownBy(() -> Checkpoint.resume(random, trainer))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(random + ": the state of the random generator is damaged: ")
          .message()
          .doesNotContain("frame #");
    }
  }

  /** A copy of a checkpoint with one tensor replaced by seven ones, and other metadata. */
  private Path rewrite(Path file, String tensor, Map<String, String> metadata) throws IOException {
    return rewrite(file, tensor, metadata, saved -> torch.ones(7));
  }

  /** A copy of a checkpoint with one tensor changed, and other metadata. */
  private Path rewrite(
      Path file, String tensor, Map<String, String> metadata, UnaryOperator<Tensor> change)
      throws IOException {
    Path copy = Files.createTempFile(folder, "changed", ".safetensors");
    try (TensorScope scope = TensorScope.open()) {
      SafeTensors.Contents contents = SafeTensors.read(file);
      Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
      if (!tensor.isEmpty()) {
        assertThat(tensors).containsKey(tensor);
        tensors.computeIfPresent(tensor, (name, saved) -> change.apply(saved));
      }
      Map<String, String> texts = new LinkedHashMap<>(contents.metadata());
      texts.putAll(metadata);
      SafeTensors.write(copy, tensors, texts);
    }
    return copy;
  }
}
