package dev.bevel.cli;

import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.FileOutput;
import dev.bevel.nuscenes.Folders;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.PathNames;
import dev.bevel.nuscenes.draw.Pictures;
import dev.bevel.nuscenes.draw.SamplePictures;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The pictures of a detection run: {@code bev.png} and {@code cameras.png} of the first sample
 * beside the results, and with several samples those of each drawn one in {@code pictures/TOKEN},
 * where no token can take the name of another file of the run. They are drawn into a folder of
 * their own and take the places of an earlier run's when the results are there too.
 *
 * <p>Of an earlier run are pictures of those two names, beside the results and in folders whose
 * names are tokens of samples. All else in {@code pictures} is somebody else's, and so are links:
 * they are written through and neither followed to delete something nor removed.
 *
 * @param out the run's folder
 * @param samples that are looked at
 * @param most samples that are drawn, spread evenly
 * @param tokens of samples that an earlier run can have drawn
 */
record DetectionPictures(Path out, List<DetectionSample> samples, int most, Set<String> tokens) {
  private static final String FROM_ABOVE = "bev.png";
  private static final String CAMERAS = "cameras.png";
  private static final List<String> NAMES = List.of(FROM_ABOVE, CAMERAS);

  /** Where the new pictures are until all of them are drawn; the run's lock guards it too. */
  private static final String UNFINISHED = ".bevel-pictures";

  /** Knows more tokens that an earlier run can have drawn. */
  DetectionPictures withTokens(Collection<String> more) {
    Set<String> all = new HashSet<>(tokens);
    all.addAll(more);
    return new DetectionPictures(out, samples, most, all);
  }

  /** The tokens of the samples that are drawn. */
  List<String> drawnTokens() {
    return IntStream.range(0, samples.size())
        .filter(this::isDrawn)
        .mapToObj(i -> samples.get(i).token())
        .toList();
  }

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
    List<Path> files = new ArrayList<>(earlier());
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

  /** Folders that an earlier run can have made for its samples. */
  private List<Path> earlierFolders() throws IOException {
    if (!Files.isDirectory(below(), LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(below())) {
      return entries
          .filter(entry -> tokens.contains(entry.getFileName().toString()))
          .filter(entry -> Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS))
          .sorted()
          .toList();
    }
  }

  private List<Path> earlier() throws IOException {
    return Stream.concat(Stream.of(out), earlierFolders().stream())
        .flatMap(DetectionPictures::picturesIn)
        .toList();
  }

  private static Stream<Path> picturesIn(Path folder) {
    return NAMES.stream()
        .map(folder::resolve)
        .filter(file -> Files.exists(file, LinkOption.NOFOLLOW_LINKS))
        .filter(file -> !Files.isSymbolicLink(file));
  }

  /** Removes unfinished pictures, also a killed process's; those of an earlier run stay. */
  void discard() throws IOException {
    Folders.delete(out.resolve(UNFINISHED));
  }

  /** Replaces all pictures of an earlier run, of whichever samples, by the new ones. */
  void finish() throws IOException {
    removeEarlier();
    for (int i = 0; i < samples.size(); i++) {
      if (isDrawn(i)) {
        for (Path folder : folders(i)) {
          Files.createDirectories(folder);
          for (String name : NAMES) {
            Files.move(
                unfinished(folder).resolve(name),
                FileOutput.followed(folder.resolve(name)),
                StandardCopyOption.REPLACE_EXISTING);
          }
        }
      }
    }
    discard();
  }

  private void removeEarlier() throws IOException {
    for (Path picture : picturesIn(out).toList()) {
      Files.delete(picture);
    }
    boolean removed = false;
    for (Path folder : earlierFolders()) {
      List<Path> pictures = picturesIn(folder).toList();
      for (Path picture : pictures) {
        Files.delete(picture);
      }
      removed |= !pictures.isEmpty() && deleteIfEmpty(folder);
    }
    if (removed) {
      deleteIfEmpty(below());
    }
  }

  private static boolean deleteIfEmpty(Path folder) throws IOException {
    try {
      Files.delete(folder);
      return true;
    } catch (DirectoryNotEmptyException e) {
      return false;
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
      Pictures.writePng(above, unfinished(folder).resolve(FROM_ABOVE));
      Pictures.writePng(cameras, unfinished(folder).resolve(CAMERAS));
    }
  }

  private Path unfinished(Path folder) {
    return out.resolve(UNFINISHED).resolve(out.relativize(folder));
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
