package dev.bevel.nuscenes;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The key frames of a data set that a detector can be run or trained on, found before the work
 * begins: those whose files are there. A file that is there but cannot be one (an empty image, half
 * a LiDAR point) is an error now and not in the middle of the work, and so is an image that is cut
 * off.
 */
public final class SampleSelection {
  private final NuScenes set;
  private final List<DetectionSample> samples;
  private final int all;
  private final boolean withLidar;
  private final int withoutImages;
  private final int withoutLidar;
  private final @Nullable Path firstMissing;

  private SampleSelection(
      NuScenes set,
      List<DetectionSample> samples,
      int all,
      boolean withLidar,
      int withoutImages,
      int withoutLidar,
      @Nullable Path firstMissing) {
    this.set = set;
    this.samples = List.copyOf(samples);
    this.all = all;
    this.withLidar = withLidar;
    this.withoutImages = withoutImages;
    this.withoutLidar = withoutLidar;
    this.firstMissing = firstMissing;
  }

  /**
   * Key frames to detect things in: those all of whose six images are there, in table order.
   *
   * @param sceneNames of these scenes only, e.g. {@link Splits#scenes}; null for all there are
   * @throws NuScenesException if there is none, or a file of one is damaged
   */
  public static SampleSelection toDetectIn(NuScenes set, @Nullable Collection<String> sceneNames) {
    SampleSelection selection = select(set, inScenes(set, sceneNames), false);
    selection.requireWhole();
    return selection;
  }

  /**
   * Key frames to train on: those all of whose six images are there and, where depth is supervised,
   * the LiDAR sweep; in table order.
   *
   * @param sceneNames as {@link #toDetectIn}
   * @param withLidar whether the LiDAR sweep is needed
   * @throws NuScenesException if there is none, a file of one is damaged, or there is no box to
   *     learn from
   */
  public static SampleSelection toTrainOn(
      NuScenes set, @Nullable Collection<String> sceneNames, boolean withLidar) {
    SampleSelection selection = select(set, inScenes(set, sceneNames), withLidar);
    selection.requireBoxes();
    selection.requireWhole();
    return selection;
  }

  private static Collection<TableRecord.Sample> inScenes(
      NuScenes set, @Nullable Collection<String> sceneNames) {
    if (sceneNames == null) {
      return set.samples();
    }
    Set<String> wanted = Set.copyOf(sceneNames);
    List<TableRecord.Sample> samples =
        set.samples().stream().filter(s -> wanted.contains(set.scene(s).name())).toList();
    if (samples.isEmpty()) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "%s in %s has no sample of the %s asked for, %s",
              set.version(),
              set.dataRoot(),
              Counted.of(wanted.size(), "scene"),
              Counted.named(sceneNames)));
    }
    return samples;
  }

  private static SampleSelection select(
      NuScenes set, Collection<TableRecord.Sample> samples, boolean withLidar) {
    List<DetectionSample> usable = new ArrayList<>();
    int withoutImages = 0;
    int withoutLidar = 0;
    Path firstMissing = null;
    for (TableRecord.Sample sample : samples) {
      DetectionSample candidate =
          set.keyFrames(sample).keySet().containsAll(DetectionSample.CAMERA_ORDER)
              ? DetectionSample.of(set, sample)
              : null;
      if (candidate == null || !candidate.hasImages()) {
        withoutImages++;
        firstMissing = firstMissing == null ? missingImage(candidate) : firstMissing;
      } else if (withLidar && !candidate.hasLidar()) {
        withoutLidar++;
        firstMissing = firstMissing == null ? candidate.lidar() : firstMissing;
      } else {
        usable.add(candidate);
      }
    }
    SampleSelection selection =
        new SampleSelection(
            set, usable, samples.size(), withLidar, withoutImages, withoutLidar, firstMissing);
    if (usable.isEmpty()) {
      throw new NuScenesException(
          "nuScenes data folder "
              + set.dataRoot()
              + ": "
              + selection.leftOut().orElse("no samples"));
    }
    return selection;
  }

  private static @Nullable Path missingImage(@Nullable DetectionSample sample) {
    return sample == null
        ? null
        : sample.cameras().stream()
            .map(CameraSample::image)
            .filter(image -> !Files.exists(image))
            .findFirst()
            .orElse(null);
  }

  /**
   * Looks at the ends of all images and the sizes of sweeps: cheap, to find out before a long work
   * what would end it.
   */
  private void requireWhole() {
    List<NuScenesException> faults =
        samples.parallelStream().flatMap(this::checks).flatMap(SampleSelection::fault).toList();
    if (!faults.isEmpty()) {
      long files = samples.stream().flatMap(this::checks).count();
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "%s; of the %s needed, %d %s damaged: bevel validate names each; mend them, or remove"
                  + " them, and their samples are left out",
              faults.getFirst().getMessage(),
              Counted.of(files, "file"),
              faults.size(),
              faults.size() == 1 ? "is" : "are"),
          faults.getFirst());
    }
  }

  private Stream<Runnable> checks(DetectionSample sample) {
    Stream<Runnable> images =
        sample.cameras().stream().map(camera -> () -> SensorFiles.requireJpeg(camera.image()));
    return withLidar ? Stream.concat(images, Stream.of(sample::requireLidar)) : images;
  }

  private static Stream<NuScenesException> fault(Runnable check) {
    try {
      check.run();
      return Stream.of();
    } catch (NuScenesException e) {
      return Stream.of(e);
    }
  }

  private void requireBoxes() {
    if (samples.stream().allMatch(sample -> sample.trainingBoxes().isEmpty())) {
      boolean any = samples.stream().anyMatch(sample -> !sample.boxes().isEmpty());
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "%s in %s has %s in the %s to train on, so that there is nothing to learn;"
                  + " train on a version with annotations, e.g. v1.0-trainval or v1.0-mini",
              set.version(),
              set.dataRoot(),
              any ? "no box of the ten classes that LiDAR or radar has seen" : "no annotations",
              Counted.of(samples.size(), "sample")));
    }
  }

  /** The key frames, at least one. */
  public List<DetectionSample> samples() {
    return samples;
  }

  /** One sentence on the samples that are left out and why, if any are. */
  public Optional<String> leftOut() {
    if (samples.size() == all) {
      return Optional.empty();
    }
    String what = "all six camera images";
    if (withLidar) {
      what +=
          String.format(
              Locale.ROOT,
              " and the LiDAR sweep that depth supervision needs (%d %s an image, %d the sweep)",
              withoutImages,
              withoutImages == 1 ? "lacks" : "lack",
              withoutLidar);
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "%s of %s %s %s%s",
            samples.isEmpty() ? "none" : samples.size(),
            Counted.of(all, "sample"),
            samples.size() <= 1 ? "has" : "have",
            what,
            firstMissing == null ? "" : "; the first file that is missing: " + firstMissing));
  }
}
