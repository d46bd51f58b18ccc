package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import dev.bevel.nuscenes.validation.DataSetValidator;
import dev.bevel.nuscenes.validation.Finding;
import dev.bevel.testing.Fuzz;
import dev.bevel.testing.Seed;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every parser of files from outside, on thousands of damaged variants of good files: see {@link
 * Fuzz}. Ten times as many with {@code -Dbevel.test.long=true}.
 */
class ParserFuzzTest {
  private static final int VARIANTS = 10_000;
  private static long seed;

  @TempDir Path root;

  @BeforeAll
  static void drawSeed() {
    seed = Seed.random(ParserFuzzTest.class).nextLong();
  }

  private Fuzz fuzz(String name, String file, List<byte[]> sources) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    return new Fuzz(name, path, sources, seed, NuScenesException.class);
  }

  private static void assertBothHappened(Fuzz.Report report) {
    assertThat(report.refused()).isBetween(report.variants() / 10, report.variants() - 1);
  }

  /**
   * The decoder's own memory outside the Java heap is bounded by the size that is checked first.
   */
  @Test
  void jpegs() throws IOException {
    int width = 48;
    int height = 32;
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR);
    for (int i = 0; i < width * height; i++) {
      image.setRGB(i % width, i / width, 0x050301 * (i % 51) ^ i);
    }
    List<byte[]> sources =
        List.of(SensorFileTest.encode(image, false), SensorFileTest.encode(image, true));
    Fuzz.Report report =
        fuzz("JPEG", "image.jpg", sources)
            .run(
                VARIANTS,
                new Fuzz.Budget(400_000 + 16L * width * height, 16),
                file -> RgbImage.readJpeg(file, width, height));
    assertBothHappened(report);
  }

  @Test
  void lidarFiles() throws IOException {
    TinyNuScenes tiny = new TinyNuScenes(root);
    List<byte[]> sources = new ArrayList<>();
    Random random = new Random(seed);
    for (int points : new int[] {1, 40, 500}) {
      float[] data = new float[5 * points];
      for (int i = 0; i < data.length; i++) {
        data[i] =
            switch (i % 5) {
              case 3 -> 255 * random.nextFloat(); // intensity
              case 4 -> random.nextInt(32); // ring
              default -> (float) (100 * random.nextGaussian());
            };
      }
      tiny.writeLidar(0, data);
      sources.add(Files.readAllBytes(root.resolve("samples/LIDAR_TOP/LIDAR_TOP-0.pcd.bin")));
    }
    assertBothHappened(
        fuzz(".pcd.bin", "sweep.pcd.bin", sources)
            .run(VARIANTS, new Fuzz.Budget(100_000, 8), LidarPoints::read));
  }

  @Test
  void radarFiles() throws IOException {
    float[] points = new float[18 * 30];
    for (int i = 0; i < 30; i++) {
      System.arraycopy(RadarPcd.point(i, -i, 0, 0.5f * i, 1), 0, points, 18 * i, 18);
    }
    List<byte[]> sources =
        List.of(
            RadarPcd.file(points),
            RadarPcd.file(RadarPcd.header(1), RadarPcd.point(1, 2, 3, 4, 5), new byte[0]),
            RadarPcd.file(RadarPcd.point(Float.NaN, 0, 0, 0, 0)));
    assertBothHappened(
        fuzz("radar .pcd", "radar.pcd", sources)
            .run(
                VARIANTS,
                new Fuzz.Budget(200_000, 16),
                file -> RadarPoints.read(file).filtered(RadarFilter.DEVKIT)));
  }

  @Test
  void tables() throws IOException {
    TinyNuScenes tiny = new TinyNuScenes(root).write();
    Collection<String> tables = tiny.tables.keySet();
    assertThat(tables).hasSize(13);
    Map<String, Fuzz.Report> reports = new HashMap<>();
    for (String table : tables) {
      String file = TinyNuScenes.VERSION + "/" + table + ".json";
      List<byte[]> sources = List.of(Files.readAllBytes(root.resolve(file)));
      // The other twelve tables cost the constant.
      reports.put(
          table,
          fuzz("table " + table, file, sources)
              .run(
                  VARIANTS / tables.size() + 1,
                  new Fuzz.Budget(8_000_000, 100),
                  changed -> NuScenes.load(root)));
    }
    assertThat(reports.values()).allSatisfy(ParserFuzzTest::assertBothHappened);
  }

  /**
   * The validator reads the same tables with its own reader and reports what it finds: something
   * new, beside what the made-up set lacks anyway, where the reader refuses.
   */
  @Test
  void tablesInTheValidator() throws IOException {
    TinyNuScenes tiny = new TinyNuScenes(root).write();
    Set<Finding> known = Set.copyOf(findings(root));
    for (String table : tiny.tables.keySet()) {
      String file = TinyNuScenes.VERSION + "/" + table + ".json";
      List<byte[]> sources = List.of(Files.readAllBytes(root.resolve(file)));
      fuzz("validator, table " + table, file, sources)
          .run(
              VARIANTS / 50,
              new Fuzz.Budget(20_000_000, 200),
              changed -> {
                boolean found = !known.containsAll(findings(root));
                try {
                  NuScenes.load(root);
                } catch (NuScenesException e) {
                  assertThat(found).as(e.getMessage()).isTrue();
                  throw e;
                }
              });
    }
  }

  private static List<Finding> findings(Path root) {
    try {
      return DataSetValidator.of(root).validate().findings();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void submissions() throws IOException {
    NuScenes set = NuScenes.load(new TinyNuScenes(root).write().root);
    EvaluationSet truth = EvaluationSet.of(set, List.of("scene-0001"));
    Path good = root.resolve("good.json");
    List<byte[]> sources = new ArrayList<>();
    for (int boxes : new int[] {1, 30}) {
      try (SubmissionWriter writer = new SubmissionWriter(good, SubmissionWriter.Meta.CAMERA)) {
        for (TableRecord.Sample sample : set.samples()) {
          List<Detection> detections = new ArrayList<>();
          for (int i = 0; i < boxes; i++) {
            Box3d box = Box3d.upright(100 + i, 50, 1, 2, 4.5, 1.6, 0.1 * i, i, Double.NaN);
            detections.add(new Detection(box, DetectionClass.ofLabel(i % 10), 1.0 / (1 + i)));
          }
          writer.write(sample.token(), Pose.IDENTITY, detections);
        }
        writer.finish();
      }
      sources.add(Files.readAllBytes(good));
    }
    assertBothHappened(
        fuzz("submission", "results_nusc.json", sources)
            .run(
                VARIANTS,
                new Fuzz.Budget(2_000_000, 50),
                file -> SubmissionReader.read(file, truth)));
  }

  @Test
  void splits() throws IOException {
    NuScenes set = NuScenes.load(new TinyNuScenes(root).write().root);
    byte[] good =
        "{\"sim_train\": [\"scene-0001\", \"scene-0002\"], \"sim_val\": [\"scene-0003\"], \"none\": []}"
            .getBytes(StandardCharsets.UTF_8);
    Path file = root.resolve(TinyNuScenes.VERSION).resolve("splits.json");
    Files.write(file, good);
    assertThat(Splits.scenes(set, "sim_val")).containsExactly("scene-0003");
    assertBothHappened(
        fuzz("splits.json", TinyNuScenes.VERSION + "/splits.json", List.of(good))
            .run(
                VARIANTS,
                new Fuzz.Budget(500_000, 50),
                changed -> Splits.scenes(set, "sim_train")));
  }
}
