package dev.bevel.bench.nuscenes;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.bevel.nuscenes.Folders;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.SubmissionWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Writes a made-up nuScenes data set, tables only: the size and the look of the real one, without
 * its licence. The same size and seed give the same bytes on every machine.
 */
public final class SyntheticDataSet {
  /** The version folder. */
  public static final String VERSION = "v1.0-synthetic";

  /** The split of all scenes. */
  public static final String SPLIT = "synthetic";

  private SyntheticDataSet() {}

  /**
   * Writes the tables to {@code root/}{@value #VERSION}, which must not be there yet.
   *
   * @throws NuScenesException if they cannot be written
   */
  public static void write(Path root, SyntheticSize size, long seed) {
    write(root, size, seed, null);
  }

  /**
   * Writes tables, and a submission with {@value SyntheticDetections#BOXES} boxes a sample.
   *
   * @param submission the submission's file
   * @throws NuScenesException if they cannot be written
   */
  public static void writeWithSubmission(
      Path root, SyntheticSize size, long seed, Path submission) {
    try (SubmissionWriter writer = new SubmissionWriter(submission, SubmissionWriter.Meta.CAMERA)) {
      write(root, size, seed, writer);
      writer.finish();
    }
  }

  private static void write(
      Path root, SyntheticSize size, long seed, @Nullable SubmissionWriter submission) {
    Path folder = root.resolve(VERSION);
    Path unfinished = root.resolve("." + VERSION + ".unfinished");
    if (Files.exists(folder)) {
      throw new NuScenesException("made-up tables: " + folder + " is there already");
    }
    try {
      Files.createDirectories(root);
      Folders.delete(unfinished); // of a run that was killed
      Files.createDirectory(unfinished);
      try {
        writeTables(unfinished, size, seed, submission);
        writeSplits(unfinished, size);
        Files.move(unfinished, folder);
      } finally {
        Folders.delete(unfinished);
      }
    } catch (IOException e) {
      throw new NuScenesException("made-up tables cannot be written to " + folder + ": " + e, e);
    }
  }

  private static void writeTables(
      Path folder, SyntheticSize size, long seed, @Nullable SubmissionWriter submission)
      throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    try (SyntheticTables tables = new SyntheticTables(folder, size, new SyntheticTokens(seed))) {
      for (int i = 0; i < size.scenes(); i++) {
        SyntheticScene scene = SyntheticScene.random(size, i, random.split());
        SplittableRandom detections = random.split();
        for (int sample = 0; submission != null && sample < scene.samples(); sample++) {
          submission.write(
              tables.sampleToken(sample),
              SyntheticDetections.FRAME,
              SyntheticDetections.of(scene, sample, detections));
        }
        tables.write(scene, random.split());
      }
    }
  }

  private static void writeSplits(Path folder, SyntheticSize size) throws IOException {
    try (JsonGenerator json =
        new JsonFactory()
            .createGenerator(folder.resolve("splits.json").toFile(), JsonEncoding.UTF8)) {
      json.writeStartObject();
      json.writeArrayFieldStart(SPLIT);
      for (int i = 0; i < size.scenes(); i++) {
        json.writeString(SyntheticTables.name(i));
      }
      json.writeEndArray();
      json.writeEndObject();
    }
  }
}
