package dev.bevel.cli;

import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.PathNames;
import dev.bevel.nuscenes.draw.Pictures;
import dev.bevel.nuscenes.draw.SamplePictures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The pictures of a detection run: {@code bev.png} and {@code cameras.png} of the first sample
 * beside the results, and with several samples those of each drawn one in {@code pictures/TOKEN},
 * where no token can take the name of another file of the run.
 *
 * @param out the run's folder
 * @param samples that are looked at
 * @param most samples that are drawn, spread evenly
 */
record DetectionPictures(Path out, List<DetectionSample> samples, int most) {
  private static final String FROM_ABOVE = "bev.png";
  private static final String CAMERAS = "cameras.png";
  private static final List<String> NAMES = List.of(FROM_ABOVE, CAMERAS);

  /** Whether a sample is one of at most {@code wanted}, the first among them, spread evenly. */
  static boolean isDrawn(int index, int count, int wanted) {
    return Math.floorDiv((long) index * wanted, count)
        != Math.floorDiv((index - 1L) * wanted, count);
  }

  /** Whether a sample is drawn. */
  boolean isDrawn(int index) {
    return isDrawn(index, samples.size(), most);
  }

  /** What would end the drawing in its middle ends it now. */
  void requireDrawable() {
    for (int i = 0; i < samples.size(); i++) {
      if (isDrawn(i) && samples.get(i).hasLidar()) {
        samples.get(i).requireLidar();
      }
    }
  }

  /** The files that are written, and those that are there of an earlier run. */
  List<Path> files() throws IOException {
    List<Path> files = new ArrayList<>(present());
    for (int i = 0; i < samples.size(); i++) {
      if (isDrawn(i)) {
        folders(i).forEach(folder -> NAMES.forEach(name -> files.add(folder.resolve(name))));
      }
    }
    return files;
  }

  private Path below() {
    return out.resolve("pictures");
  }

  private List<Path> present() throws IOException {
    List<Path> folders = new ArrayList<>(List.of(out));
    if (Files.isDirectory(below())) {
      try (Stream<Path> entries = Files.list(below())) {
        entries.filter(Files::isDirectory).sorted().forEach(folders::add);
      }
    }
    return folders.stream()
        .flatMap(folder -> NAMES.stream().map(folder::resolve))
        .filter(Files::exists)
        .toList();
  }

  /** Removes all pictures, of whichever samples: they would stand beside results of others. */
  void remove() throws IOException {
    for (Path picture : present()) {
      Files.delete(picture);
    }
    NAMES.forEach(name -> AtomicFile.removeLeftovers(out.resolve(name)));
    if (!Files.isDirectory(below())) {
      return;
    }
    List<Path> folders = new ArrayList<>();
    try (Stream<Path> entries = Files.list(below())) {
      entries.filter(Files::isDirectory).forEach(folders::add);
    }
    folders.forEach(
        folder -> NAMES.forEach(name -> AtomicFile.removeLeftovers(folder.resolve(name))));
    folders.add(below());
    for (Path folder : folders) {
      deleteIfEmpty(folder);
    }
  }

  private static void deleteIfEmpty(Path folder) throws IOException {
    boolean empty;
    try (Stream<Path> entries = Files.list(folder)) {
      empty = entries.findAny().isEmpty();
    }
    if (empty) {
      Files.delete(folder);
    }
  }

  /** Draws a sample. */
  void draw(NuScenes set, int index, List<Detection> detections, double threshold) {
    SamplePictures drawn =
        new SamplePictures(set, set.sample(samples.get(index).token()))
            .withDetections(detections, threshold);
    var above = drawn.bev();
    var cameras = drawn.cameras();
    for (Path folder : folders(index)) {
      Pictures.writePng(above, folder.resolve(FROM_ABOVE));
      Pictures.writePng(cameras, folder.resolve(CAMERAS));
    }
  }

  /** Where the pictures of a sample go: those of the first one beside the results too. */
  private List<Path> folders(int index) {
    if (samples.size() == 1) {
      return List.of(out);
    }
    Path own =
        PathNames.child(
            below(),
            samples.get(index).token(),
            "table sample: a token, which names a folder of pictures,");
    return index == 0 ? List.of(out, own) : List.of(own);
  }
}
