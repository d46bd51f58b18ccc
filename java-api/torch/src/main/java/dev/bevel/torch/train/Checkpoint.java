package dev.bevel.torch.train;

import dev.bevel.nuscenes.BoxConvention;
import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Printable;
import dev.bevel.nuscenes.report.TrainingHistory;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TorchException;
import dev.bevel.torch.io.SafeTensors;
import dev.bevel.torch.nn.Module;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * A training in a safetensors file. The module's tensors stand under their own names, so that any
 * reader of the format can use them; beside them {@code optimizer.*}, {@code average.*} (the
 * module's names again) and {@code random.torch} (LibTorch's CPU generator). Metadata: {@code
 * bevel.step}, {@code bevel.seed}, {@code bevel.config} (the YAML document), {@code
 * bevel.box_convention} (the {@link BoxConvention#stamp} of the boxes that the module predicts) and
 * {@code bevel.average_updates}, {@code bevel.data} (what the training is on, see {@link
 * DataIdentity}). Every tensor and the header carry checksums, see {@link SafeTensors}; no tensor
 * holds NaN or infinity: such a state is neither written nor read. Every tensor has the dtype that
 * the training has it in: none is converted, and others are refused ({@link Module#loadStateDict}
 * converts weights of other programs).
 *
 * @param config the YAML document the training was started with
 * @param boxConvention of the boxes that the module predicts
 * @param step steps taken
 * @param seed of the training
 * @param data what the training is on; null if that is not known
 */
public record Checkpoint(
    String config, BoxConvention boxConvention, long step, long seed, @Nullable DataIdentity data) {
  private static final Pattern WHOLE_NUMBER = Pattern.compile("0|-?[1-9][0-9]*");
  private static final String OPTIMIZER = "optimizer.";
  private static final String AVERAGE = "average.";
  private static final String RANDOM = "random.torch";
  private static final String STEP = "bevel.step";
  private static final String SEED = "bevel.seed";
  static final String CONFIG = "bevel.config";
  private static final String BOX_CONVENTION = "bevel.box_convention";
  private static final String DATA = "bevel.data";
  private static final String AVERAGE_UPDATES = "bevel.average_updates";

  /**
   * Writes a training: under a temporary name first, so that the file is whole or not there.
   *
   * @param config the YAML document of model and training
   * @param boxConvention of the boxes that the module predicts
   * @param data what the training is on, or null
   * @throws CheckpointException if a tensor holds NaN or infinity; the file is unchanged then
   * @throws IllegalStateException if the trainer's last step failed half-way
   * @throws IOException if the file cannot be written
   */
  @SuppressWarnings("try") // the scope is there to be closed
  public static void write(
      Path file,
      Trainer trainer,
      String config,
      BoxConvention boxConvention,
      @Nullable DataIdentity data)
      throws IOException {
    trainer.requireWhole();
    try (TensorScope scope = TensorScope.open()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>(trainer.module().stateDict());
      trainer.optimizer().state().forEach((name, tensor) -> tensors.put(OPTIMIZER + name, tensor));
      Map<String, String> metadata = new LinkedHashMap<>();
      metadata.put(STEP, Long.toString(trainer.step()));
      metadata.put(SEED, Long.toString(trainer.seed()));
      metadata.put(CONFIG, config);
      metadata.put(BOX_CONVENTION, boxConvention.stamp());
      if (data != null) {
        metadata.put(DATA, data.stamp());
      }
      WeightAverage average = trainer.average();
      if (average != null) {
        average.state().forEach((name, tensor) -> tensors.put(AVERAGE + name, tensor));
        metadata.put(AVERAGE_UPDATES, Long.toString(average.updates()));
      }
      tensors.put(RANDOM, torch.getDefaultCPUGenerator().get_state());
      requireFinite(file + " is not written", tensors);
      SafeTensors.write(file, tensors, metadata);
    }
  }

  private static void requireFinite(String subject, Map<String, Tensor> tensors) {
    for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
      Tensor tensor = entry.getValue();
      if (tensor.is_floating_point()) {
        long finite = tensor.isfinite().sum().item_long();
        if (finite != tensor.numel()) {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT,
                  "%s: %d of the %s of tensor %s are not finite (NaN or infinity): the"
                      + " training has gone astray; go on from an earlier checkpoint, perhaps with"
                      + " a lower learning rate",
                  subject,
                  tensor.numel() - finite,
                  Counted.of(tensor.numel(), "value"),
                  Printable.of(entry.getKey(), 200)),
              null);
        }
      }
    }
  }

  /**
   * Reads what a checkpoint says about itself.
   *
   * @throws CheckpointException if the file is no checkpoint of Bevel, or does not say in a known
   *     stamp which box convention it is in
   * @throws IOException if the file cannot be read or is damaged
   */
  public static Checkpoint read(Path file) throws IOException {
    return describe(file, SafeTensors.readMetadata(file));
  }

  private static Checkpoint describe(Path file, Map<String, String> metadata) {
    return new Checkpoint(
        text(file, metadata, CONFIG),
        boxConvention(file, metadata),
        count(file, metadata, STEP),
        number(file, metadata, SEED, Long.MIN_VALUE, Long.MAX_VALUE),
        metadata.containsKey(DATA) ? new DataIdentity(text(file, metadata, DATA)) : null);
  }

  private static BoxConvention boxConvention(Path file, Map<String, String> metadata) {
    try {
      return BoxConvention.ofStamp(metadata.get(BOX_CONVENTION), "checkpoint " + file);
    } catch (NuScenesException e) {
      throw new CheckpointException(String.valueOf(e.getMessage()), e);
    }
  }

  /**
   * @throws CheckpointException if the boxes that are wanted are in another convention
   */
  void require(Path file, BoxConvention wanted) {
    if (boxConvention != wanted) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: its boxes are in the convention %s, its configuration asks for %s",
              file,
              boxConvention.stamp(),
              wanted.stamp()),
          null);
    }
  }

  /**
   * Fills a module for inference: with the averaged weights where the checkpoint has them, else
   * with its weights.
   *
   * @throws CheckpointException if names, shapes or dtypes do not fit, or a tensor holds NaN or
   *     infinity; the module is unchanged then
   * @throws IOException if the file cannot be read or is damaged
   */
  @SuppressWarnings("try") // the scope is there to be closed
  public static void loadWeights(Path file, Module module) throws IOException {
    try (TensorScope scope = TensorScope.open()) {
      Map<String, Tensor> tensors =
          SafeTensors.read(file, name -> !name.startsWith(OPTIMIZER)).tensors();
      requireFinite(file.toString(), tensors);
      Map<String, Tensor> averaged = below(AVERAGE, tensors);
      load(file, module, averaged.isEmpty() ? weights(tensors) : averaged);
    }
  }

  /**
   * Puts a training, its module included, where the checkpoint left off.
   *
   * @param trainer with the seed of the checkpoint, at its beginning
   * @throws CheckpointException if anything does not fit
   * @throws IOException if the file cannot be read or is damaged
   */
  @SuppressWarnings("try") // the scope is there to be closed
  public static void resume(Path file, Trainer trainer) throws IOException {
    try (TensorScope scope = TensorScope.open()) {
      SafeTensors.Contents contents = SafeTensors.read(file);
      Map<String, Tensor> tensors = contents.tensors();
      requireFinite(file.toString(), tensors);
      Checkpoint saved = describe(file, contents.metadata());
      if (saved.seed() != trainer.seed()) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: the training was started with seed %d, asked for is %d; give --seed %d",
                file,
                saved.seed(),
                trainer.seed(),
                saved.seed()),
            null);
      }
      Map<String, Tensor> optimizer = below(OPTIMIZER, tensors);
      Map<String, Tensor> averaged = below(AVERAGE, tensors);
      requireSame(file, "optimizer state", trainer.optimizer().state(), optimizer);
      WeightAverage average = trainer.average();
      requireSame(file, "weight average", average == null ? Map.of() : average.state(), averaged);
      Tensor random = tensors.get(RANDOM);
      Generator generator = torch.getDefaultCPUGenerator();
      requireSame(
          file,
          "state of the random generator",
          Map.of(RANDOM, generator.get_state()),
          random == null ? Map.of() : Map.of(RANDOM, random));
      requireCounts(file, optimizer);
      long updates = average == null ? 0 : count(file, contents.metadata(), AVERAGE_UPDATES);
      load(file, trainer.module(), weights(tensors));
      restore(file, generator, Objects.requireNonNull(random)); // present: requireSame
      trainer.optimizer().load(optimizer);
      if (average != null) {
        average.load(averaged, updates);
      }
      trainer.restore(saved.step());
    }
  }

  private static void requireCounts(Path file, Map<String, Tensor> optimizer) {
    optimizer.forEach(
        (name, tensor) -> {
          if (name.startsWith(AdamW.COUNT + ".")) {
            long count = tensor.item_long();
            if (count < 0 || count > TrainingHistory.MAX_STEP) {
              throw outOfRange(file, OPTIMIZER + name, 0, TrainingHistory.MAX_STEP, count);
            }
          }
        });
  }

  private static void restore(Path file, Generator generator, Tensor state) {
    try {
      generator.set_state(state);
    } catch (RuntimeException e) {
      throw new CheckpointException(
          file
              + ": the state of the random generator is damaged: "
              + TorchException.trim(e.getMessage()),
          e);
    }
  }

  private static void load(Path file, Module module, Map<String, Tensor> weights) {
    module
        .stateDict()
        .forEach(
            (name, tensor) -> {
              Tensor saved = weights.get(name);
              if (saved != null && saved.scalar_type().value != tensor.scalar_type().value) {
                throw misfit(file, "state dictionary", name, tensor, saved);
              }
            });
    try {
      module.loadStateDict(weights, true);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file + ": " + e.getMessage(), e);
    }
  }

  private static void requireSame(
      Path file, String what, Map<String, Tensor> expected, Map<String, Tensor> actual) {
    expected.forEach(
        (name, tensor) -> {
          Tensor saved = actual.get(name);
          if (saved == null
              || !Arrays.equals(tensor.shape(), saved.shape())
              || saved.scalar_type().value != tensor.scalar_type().value) {
            throw misfit(file, what, name, tensor, saved);
          }
        });
    if (expected.size() != actual.size()) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: the %s does not fit: it must have %s, got %d",
              file,
              what,
              Counted.of(expected.size(), "tensor"),
              actual.size()),
          null);
    }
  }

  private static CheckpointException misfit(
      Path file, String what, String name, Tensor expected, @Nullable Tensor saved) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: the %s does not fit: %s must be %s of %s, got %s",
            file,
            what,
            Printable.of(name, 200),
            Arrays.toString(expected.shape()),
            expected.scalar_type(),
            saved == null
                ? "nothing"
                : Arrays.toString(saved.shape()) + " of " + saved.scalar_type()),
        null);
  }

  private static Map<String, Tensor> weights(Map<String, Tensor> tensors) {
    Map<String, Tensor> result = new LinkedHashMap<>(tensors);
    result
        .keySet()
        .removeIf(n -> n.startsWith(OPTIMIZER) || n.startsWith(AVERAGE) || n.equals(RANDOM));
    return result;
  }

  private static Map<String, Tensor> below(String prefix, Map<String, Tensor> tensors) {
    Map<String, Tensor> result = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> {
          if (name.startsWith(prefix)) {
            result.put(name.substring(prefix.length()), tensor);
          }
        });
    return result;
  }

  private static String text(Path file, Map<String, String> metadata, String key) {
    String value = metadata.get(key);
    if (value == null) {
      throw new CheckpointException(
          file + ": not a checkpoint of Bevel, its metadata has no " + key, null);
    }
    return value;
  }

  private static long number(
      Path file, Map<String, String> metadata, String key, long least, long most) {
    String value = text(file, metadata, key);
    // As Long.toString writes it: what no writer of ours makes (+3, 03, digits of other scripts) is
    // damage.
    if (WHOLE_NUMBER.matcher(value).matches()) {
      try {
        long number = Long.parseLong(value);
        if (number >= least && number <= most) {
          return number;
        }
      } catch (NumberFormatException e) {
        // beyond a long: told below
      }
    }
    throw outOfRange(file, key, least, most, "'" + Printable.of(value, 80) + "'");
  }

  private static CheckpointException outOfRange(
      Path file, String what, long least, long most, Object got) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: %s must be %s, got %s",
            file,
            what,
            Counted.wholeNumber(least, most),
            got),
        null);
  }

  private static long count(Path file, Map<String, String> metadata, String key) {
    return number(file, metadata, key, 0, TrainingHistory.MAX_STEP);
  }
}
