package dev.bevel.torch.train;

import dev.bevel.kernels.SharedResource;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.ImageAugmentation;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Printable;
import dev.bevel.torch.model.Calibration;
import dev.bevel.torch.model.Detector;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a detector on the key frames of a nuScenes folder. The order of the samples and every
 * augmentation follow from the seed and the number of the step alone; the next batch is read while
 * the present one is trained on.
 *
 * <p>Closing marks the training and returns at once: {@link #run} on another thread ends after its
 * present step, which frees everything; calls that begin later throw {@link IllegalStateException}.
 */
public final class DetectorTraining implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.torch");

  /** Differences of configurations that a message tells. */
  private static final int MAX_DIFFERENCES = 5;

  /** Share of the heap that prepared samples may take. */
  private static final int HEAP_PER_CACHE = 4;

  private final SharedResource life =
      new SharedResource("DetectorTraining: the training", this::free);
  private final ConfigDocument config;
  private final List<DetectionSample> samples;
  private final DataIdentity data;
  private final DetectorInputs inputs;
  private final DetectorHead head;
  private final Detector detector;
  private final Trainer trainer;
  private final ExampleCache cache =
      new ExampleCache(Runtime.getRuntime().maxMemory() / HEAP_PER_CACHE);
  private final ExecutorService loader =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("bevel-loader").daemon().factory());
  private Order order = new Order(-1, List.of());
  private @Nullable Batch next;
  private volatile boolean stopped;

  /** The order of the samples in an epoch; used by the loader only. */
  private record Order(long epoch, List<Integer> indices) {}

  /** The examples of one step, being read. */
  private record Batch(long step, Future<List<DetectorInputs.Example>> examples) {}

  /**
   * A training at its beginning.
   *
   * @param samples to train on, at least one
   * @param seed settles weights, order and augmentations
   */
  public DetectorTraining(ConfigDocument config, List<DetectionSample> samples, long seed) {
    this(config, samples, seed, Detector.create(config.detector(), seed));
  }

  /** The same with a detector made by the caller, which the training then owns. */
  public DetectorTraining(
      ConfigDocument config, List<DetectionSample> samples, long seed, Detector detector) {
    this.config = config;
    this.samples = List.copyOf(samples);
    this.data = DataIdentity.of(samples);
    this.detector = detector;
    try {
      if (samples.isEmpty()) {
        throw new IllegalArgumentException("DetectorTraining: there must be at least one sample");
      }
      inputs = new DetectorInputs(config.detector());
      head = new DetectorHead(config.detector(), inputs.convention());
      trainer = new Trainer(detector, config.training().optimization(), seed);
    } catch (RuntimeException e) {
      detector.close();
      throw e;
    }
  }

  /**
   * Goes on where a checkpoint of the same samples left off.
   *
   * @throws CheckpointException if the checkpoint is of another configuration, seed or data, or
   *     damaged
   */
  public void resume(Path checkpoint) throws IOException {
    resume(checkpoint, false);
  }

  /**
   * Goes on where a checkpoint left off.
   *
   * @param otherData whether it may have been trained on other samples; the order of this
   *     training's then begins in the middle of an epoch
   * @throws CheckpointException if the checkpoint is of another configuration or seed, or, unless
   *     that is allowed, of other samples, or damaged
   */
  public void resume(Path checkpoint, boolean otherData) throws IOException {
    life.use();
    try {
      Checkpoint saved = Checkpoint.read(checkpoint);
      requireSameConfig(checkpoint, saved.config());
      saved.require(checkpoint, inputs.convention());
      if (saved.data() == null) {
        LOG.warn(
            "{} does not say what data it was trained on: it is taken to be these", checkpoint);
      } else if (!otherData && !saved.data().equals(data)) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: the training was on other data (%s; now %s); give the same data, or ask for"
                    + " a change of data (--other-data)",
                checkpoint,
                Printable.of(saved.data().stamp(), 200),
                data.stamp()),
            null);
      }
      Checkpoint.resume(checkpoint, trainer);
    } finally {
      life.release();
    }
  }

  private void requireSameConfig(Path checkpoint, String saved) {
    if (saved.equals(config.text())) {
      return;
    }
    ConfigDocument before = ConfigDocument.parse("configuration in " + checkpoint, saved);
    if (config.saysTheSameAs(before)) {
      return;
    }
    List<String> differences = config.differencesFrom(before);
    throw new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: the training was started with another configuration (%s%s); give that one, which"
                + " stands in the file's metadata as %s, or train anew without --resume",
            checkpoint,
            String.join("; ", differences.stream().limit(MAX_DIFFERENCES).toList()),
            differences.size() > MAX_DIFFERENCES ? "; ..." : "",
            Checkpoint.CONFIG),
        null);
  }

  /**
   * Trains until a number of steps has been taken since the beginning, or until {@link #stop}.
   *
   * @param steps does nothing if that many have been taken
   * @param listener told of each step, in the calling thread
   * @throws NuScenesException if a file is missing or damaged
   * @throws TrainingException if the loss ceases to be finite, or the thread is interrupted (it
   *     stays so)
   */
  public void run(long steps, Consumer<StepReport> listener) {
    life.use();
    try {
      while (!stopped && trainer.step() < steps) {
        if (Thread.currentThread().isInterrupted()) {
          throw interrupted();
        }
        List<DetectorInputs.Example> batch = batch(steps);
        listener.accept(
            trainer.step(
                () ->
                    head.loss(
                        detector.forward(images(batch), calibration(batch)),
                        batch.stream().map(DetectorInputs.Example::truth).toList(),
                        depthBins(batch),
                        config.training().losses())));
      }
    } finally {
      life.release();
    }
  }

  /**
   * Makes {@link #run} return after the present step, now and in future; from any thread. To be
   * used by who ends the process: the C++ libraries of a process that exits in the middle of a step
   * are taken down under the step.
   */
  public void stop() {
    stopped = true;
  }

  /** Whether {@link #stop} was called. */
  public boolean isStopped() {
    return stopped;
  }

  /** Steps taken so far. */
  public long step() {
    return trainer.step();
  }

  /** The detector that is trained, owned by this training. */
  public Detector detector() {
    return detector;
  }

  /** Writes a checkpoint; see {@link Checkpoint}. */
  public void save(Path file) throws IOException {
    life.use();
    try {
      Checkpoint.write(file, trainer, config.text(), inputs.convention(), data);
    } finally {
      life.release();
    }
  }

  private List<DetectorInputs.Example> batch(long steps) {
    long step = trainer.step();
    // What was read ahead is of another step after a failed step or a resume.
    Batch present = next == null || next.step != step ? reading(step) : next;
    next = step + 1 < steps ? reading(step + 1) : null;
    try {
      return present.examples.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException cause
          ? cause
          : new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw interrupted();
    }
  }

  private TrainingException interrupted() {
    return new TrainingException("the training was interrupted in step " + (trainer.step() + 1));
  }

  private Batch reading(long step) {
    return new Batch(step, loader.submit(() -> read(step)));
  }

  private List<DetectorInputs.Example> read(long step) {
    List<DetectorInputs.Example> examples = new ArrayList<>();
    int size = config.training().batch();
    for (int i = 0; i < size; i++) {
      examples.add(read(step * size + i, sampleAt(step * size + i)));
    }
    return examples;
  }

  /** Epoch by epoch a fresh permutation of the samples. */
  private DetectionSample sampleAt(long draw) {
    long epoch = draw / samples.size();
    if (epoch != order.epoch) {
      List<Integer> shuffled = new ArrayList<>(indices(samples.size()));
      Collections.shuffle(shuffled, Random.from(random(epoch, 0)));
      order = new Order(epoch, shuffled);
    }
    return samples.get(order.indices.get((int) (draw % samples.size())));
  }

  private SplittableRandom random(long a, long b) {
    return new SplittableRandom(31 * (31 * trainer.seed() + a) + b);
  }

  private DetectorInputs.Example read(long draw, DetectionSample sample) {
    DetectorInputs.Example example = prepared(draw, sample);
    SplittableRandom random = random(draw, 2);
    if (random.nextDouble() >= config.training().mismatchedImages()) {
      return example;
    }
    List<Integer> inPlace = indices(sample.cameras().size());
    List<Integer> order = new ArrayList<>(inPlace);
    while (order.equals(inPlace) && order.size() > 1) {
      Collections.shuffle(order, Random.from(random));
    }
    return example.mismatched(order);
  }

  private static List<Integer> indices(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  private DetectorInputs.Example prepared(long draw, DetectionSample sample) {
    boolean withDepth = config.training().losses().superviseDepth();
    if (config.training().imageAugmentation() != TrainingConfig.ImageRanges.NONE) {
      return inputs.example(sample, augmentations(draw, sample), withDepth);
    }
    return cache.get(
        sample.token(),
        () -> inputs.example(sample, inputs.inferenceAugmentations(sample), withDepth));
  }

  private List<ImageAugmentation> augmentations(long draw, DetectionSample sample) {
    int width = config.detector().image().width();
    int height = config.detector().image().height();
    SplittableRandom random = random(draw, 1);
    ImageAugmentation.Ranges ranges = config.training().imageAugmentation().ranges(width);
    return sample.cameras().stream()
        .map(c -> ranges.draw(random, c.width(), c.height(), width, height))
        .toList();
  }

  private Tensor images(List<DetectorInputs.Example> batch) {
    int each = batch.getFirst().input().images().length;
    float[] all = new float[each * batch.size()];
    for (int i = 0; i < batch.size(); i++) {
      System.arraycopy(batch.get(i).input().images(), 0, all, i * each, each);
    }
    Calibration first = batch.getFirst().input().calibration();
    return Tensors.of(
        all,
        batch.size(),
        first.cameras(),
        3,
        config.detector().image().height(),
        config.detector().image().width());
  }

  private static Calibration calibration(List<DetectorInputs.Example> batch) {
    return DetectorInputs.join(batch.stream().map(e -> e.input().calibration()).toList());
  }

  private static int @Nullable [] depthBins(List<DetectorInputs.Example> batch) {
    if (batch.getFirst().depthBins() == null) {
      return null;
    }
    return batch.stream()
        .map(DetectorInputs.Example::depthBins)
        .flatMapToInt(bins -> bins == null ? Arrays.stream(new int[0]) : Arrays.stream(bins))
        .toArray();
  }

  @Override
  public void close() {
    stop();
    life.close();
  }

  private void free() {
    loader.shutdownNow();
    trainer.close();
    detector.close();
  }
}
