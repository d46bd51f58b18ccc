package dev.bevel.nuscenes.validation;

import static dev.bevel.nuscenes.validation.EditableSet.add;
import static dev.bevel.nuscenes.validation.EditableSet.number;
import static dev.bevel.nuscenes.validation.EditableSet.text;
import static dev.bevel.nuscenes.validation.EditableSet.token;
import static dev.bevel.nuscenes.validation.EditableSet.turn;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.testing.Seed;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sensor and map files that are missing or damaged, and boxes whose points do not add up. */
class FileFaultTest {
  private static final Random RANDOM = Seed.random(FileFaultTest.class);

  @TempDir private static Path folder;
  private static Path base = Path.of("");
  private static int writes;

  @BeforeAll
  static void simulate() {
    base = EditableSet.simulate(folder);
  }

  private static DataSetValidator validator(EditableSet set) {
    return DataSetValidator.of(set.write(folder.resolve("set" + writes++))).threads(2);
  }

  private static Map<String, Object> one(EditableSet set, String channel, boolean keyFrame) {
    List<Map<String, Object>> files = set.files(channel, keyFrame);
    return files.get(RANDOM.nextInt(files.size()));
  }

  private static void assertNamed(
      ValidationReport report, Rule rule, String table, Map<String, Object> record, String field) {
    assertThat(report.findings())
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.rule()).isEqualTo(rule);
              assertThat(finding.table()).isEqualTo(table);
              assertThat(finding.token()).isEqualTo(token(record));
              assertThat(finding.field()).isEqualTo(field);
            });
  }

  @Test
  void allFilesOfASoundSetAreLookedInto() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    ValidationReport report = validator(set).validate();
    assertThat(report.findings()).isEmpty();
    assertThat(report.files()).isEqualTo(set.table("sample_data").size() + set.table("map").size());
    assertThat(report.boxes()).isEqualTo(set.table("sample_annotation").size());
    assertThat(
            set.table("sample_annotation").stream()
                .mapToLong(record -> number(record, "num_lidar_pts"))
                .sum())
        .as("points in boxes")
        .isGreaterThan(1000);
  }

  static Stream<Arguments> damages() {
    return Stream.of(
        damage("CAM_FRONT", true, "missing", bytes -> null),
        damage("CAM_FRONT", false, "empty", bytes -> new byte[0]),
        damage("CAM_BACK", true, "cut off", bytes -> Arrays.copyOf(bytes, bytes.length - 1)),
        damage("CAM_BACK", true, "cut in half", bytes -> Arrays.copyOf(bytes, bytes.length / 2)),
        damage("CAM_BACK_LEFT", true, "a PNG", bytes -> image(160, 90, "png")),
        damage("CAM_BACK_LEFT", true, "too small", bytes -> image(80, 45, "jpg")),
        damage("CAM_BACK_RIGHT", false, "turned", bytes -> image(90, 160, "jpg")),
        damage(
            "CAM_FRONT_LEFT",
            true,
            "without frame header",
            bytes -> new byte[] {-1, -40, -1, -38, 0, 2, -1, -39}),
        damage("LIDAR_TOP", true, "missing", bytes -> null),
        damage("LIDAR_TOP", false, "empty", bytes -> new byte[0]),
        damage("LIDAR_TOP", false, "cut off", bytes -> Arrays.copyOf(bytes, bytes.length - 3)),
        damage("LIDAR_TOP", true, "with NaN", bytes -> point(bytes, 2, Float.NaN)),
        damage("LIDAR_TOP", true, "endless", bytes -> point(bytes, 0, Float.POSITIVE_INFINITY)),
        damage("LIDAR_TOP", false, "below black", bytes -> point(bytes, 3, -1)),
        damage("LIDAR_TOP", true, "below the first ring", bytes -> point(bytes, 4, -1)),
        damage("LIDAR_TOP", true, "between rings", bytes -> point(bytes, 4, 3.5f)));
  }

  private static Arguments damage(
      String channel, boolean keyFrame, String name, UnaryOperator<byte @Nullable []> damage) {
    return Arguments.of(channel, keyFrame, Named.of(name, damage));
  }

  private static byte[] image(int width, int height, String format) {
    try {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      ImageIO.write(new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR), format, out);
      return out.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] point(byte[] bytes, int element, float value) {
    int at = RANDOM.nextInt(bytes.length / 20) * 20 + 4 * element;
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(at, value);
    return bytes;
  }

  @ParameterizedTest
  @MethodSource("damages")
  void damagedSensorFile(String channel, boolean keyFrame, UnaryOperator<byte[]> damage)
      throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Map<String, Object> record = one(set, channel, keyFrame);
    String name = text(record, "filename");
    byte[] damaged = damage.apply(set.file(name));
    if (damaged == null) {
      set.removeFile(name);
    } else {
      set.replaceFile(name, damaged);
    }
    assertNamed(validator(set).validate(), Rule.FILE, "sample_data", record, "filename");
  }

  @ParameterizedTest
  @ValueSource(strings = {"missing", "jpg", "cut", "flipped"})
  void damagedMap(String kind) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Map<String, Object> record = set.table("map").getLast();
    String name = text(record, "filename");
    byte[] bytes = set.file(name);
    switch (kind) {
      case "missing" -> set.removeFile(name);
      case "jpg" -> set.replaceFile(name, image(100, 100, "jpg"));
      case "cut" -> set.replaceFile(name, Arrays.copyOf(bytes, bytes.length - 12));
      default -> {
        bytes[bytes.length / 2] ^= 1;
        set.replaceFile(name, bytes);
      }
    }
    assertNamed(
        validator(set).files(FileScope.MAPS).validate(), Rule.FILE, "map", record, "filename");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "../simulated/maps/a.png", "/etc/passwd", "maps", "nul\u0000"})
  void mapNamesThatLeadElsewhere(String name) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Map<String, Object> record = set.table("map").getLast();
    record.put("filename", name);
    assertNamed(
        validator(set).files(FileScope.MAPS).allowing(EnumSet.allOf(Allowance.class)).validate(),
        Rule.FILE,
        "map",
        record,
        "filename");
  }

  @Test
  void sweepsAreLookedIntoOnlyWhereAsked() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    set.removeFile(text(one(set, "LIDAR_TOP", false), "filename"));
    assertThat(validator(set).files(FileScope.KEY_FRAMES).validate().findings()).isEmpty();
    assertThat(validator(set).files(FileScope.ALL).validate().findings()).hasSize(1);
    assertThat(validator(set).allowing(EnumSet.of(Allowance.MISSING_FILES)).validate().findings())
        .isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 1})
  void everyWrongPointCountIsNamed(int difference) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    int changed = 0;
    for (Map<String, Object> record : set.table("sample_annotation")) {
      long points = number(record, "num_lidar_pts");
      if (points + difference >= 0) {
        record.put("num_lidar_pts", points + difference);
        changed++;
      }
    }
    ValidationReport report = validator(set).files(FileScope.KEY_FRAMES).validate();
    ValidationReport.KindCount kind = report.counts().getFirst();
    assertThat(report.counts()).hasSize(1);
    assertThat(kind.rule()).isEqualTo(Rule.POINT_COUNT);
    assertThat(kind.field()).isEqualTo("num_lidar_pts");
    // Boxes with a point within 1e-5 m of a face may count one more or less.
    assertThat(kind.count()).isBetween(changed * 97L / 100, (long) changed);
  }

  @Test
  void countsGiveAwayAWrongPlaceInTheChain() throws InterruptedException {
    for (String where : List.of("calibration", "ego pose", "boxes", "times")) {
      EditableSet set = new EditableSet(base);
      Map<String, Object> lidar = one(set, "LIDAR_TOP", true);
      switch (where) {
        case "calibration" ->
            turn(set.follow(lidar, "calibrated_sensor_token", "calibrated_sensor"), 2);
        case "ego pose" -> turn(set.follow(lidar, "ego_pose_token", "ego_pose"), 2);
        case "boxes" -> set.table("sample_annotation").forEach(r -> add(r, "translation", 0, 0.2));
        default -> {
          // Another sweep's points in place of the key frame's.
          Map<String, Object> other = one(set, "LIDAR_TOP", false);
          set.replaceFile(text(lidar, "filename"), set.file(text(other, "filename")));
        }
      }
      assertThat(validator(set).files(FileScope.KEY_FRAMES).validate().counts())
          .as(where)
          .anyMatch(kind -> kind.rule() == Rule.POINT_COUNT && kind.count() >= 10);
    }
  }

  @Test
  void sweepsOfAnotherPlaceAreNamed() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    List<Map<String, Object>> sweeps = set.files("LIDAR_TOP", false);
    for (int i = 0; i < sweeps.size(); i++) {
      Map<String, Object> other = sweeps.get((i + sweeps.size() / 2) % sweeps.size());
      set.replaceFile(text(sweeps.get(i), "filename"), set.file(text(other, "filename")));
    }
    assertThat(validator(set).validate().findings())
        .isNotEmpty()
        .allMatch(
            finding ->
                finding.rule() == Rule.POINT_COUNT
                    && finding.table().equals("sample_data")
                    && finding.field().equals("ego_pose_token")
                    && sweeps.stream().anyMatch(s -> token(s).equals(finding.token())));
    assertThat(validator(set).files(FileScope.KEY_FRAMES).validate().findings()).isEmpty();
  }

  @Test
  void theReportIsTheSameForAnyNumberOfThreads() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    for (Map<String, Object> record : set.table("sample_data")) {
      String name = text(record, "filename");
      if (name.endsWith(".jpg")) {
        set.replaceFile(name, new byte[] {1, 2, 3});
      }
    }
    Path data = set.write(folder.resolve("threads"));
    ValidationReport one = DataSetValidator.of(data).threads(1).validate();
    assertThat(one.findings()).hasSize(Findings.KEPT);
    assertThat(one.total()).isGreaterThan(Findings.KEPT);
    assertThat(DataSetValidator.of(data).threads(7).validate()).isEqualTo(one);
  }

  /** A pipe in a file's place would never begin. */
  @Test
  @Timeout(60)
  void aPipeIsNotWaitedFor() throws IOException, InterruptedException {
    Path pipe = folder.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    for (ThrowingCallable look :
        List.<ThrowingCallable>of(
            () -> FileInspector.lidar(pipe),
            () -> JpegInspector.inspect(pipe, 8, 8),
            () -> PngInspector.inspect(pipe))) {
      assertThatThrownBy(look).hasMessageContaining("is not a regular file");
    }
  }
}
