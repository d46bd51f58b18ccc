package dev.bevel.nuscenes.validation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.simulator.SimulationSettings;
import dev.bevel.nuscenes.simulator.Simulator;
import dev.bevel.nuscenes.simulator.TrafficDensity;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pictures that do not show what boxes and calibrations say, over a set with enough objects. */
class ProjectionFaultTest {
  private static final List<String> CAMERAS =
      List.of(
          "CAM_FRONT",
          "CAM_FRONT_LEFT",
          "CAM_BACK_LEFT",
          "CAM_BACK",
          "CAM_BACK_RIGHT",
          "CAM_FRONT_RIGHT");

  @TempDir private static Path folder;
  private static Path base = Path.of("");
  private static int writes;

  @BeforeAll
  static void simulate() {
    base = folder.resolve("simulated");
    Simulator.run(
        SimulationSettings.of(2, 10, 101)
            .withImageSize(160, 90)
            .withTraffic(TrafficDensity.DENSE)
            .withSweeps(0, 0)
            .withThreads(2),
        base,
        (done, all) -> {});
  }

  private static ValidationReport validate(EditableSet set) throws InterruptedException {
    return DataSetValidator.of(set.write(folder.resolve("set" + writes++)))
        .files(FileScope.KEY_FRAMES)
        .validate();
  }

  private static void assertProjectionsAreWrong(EditableSet set) throws InterruptedException {
    assertThat(validate(set).findings())
        .isNotEmpty()
        .allMatch(finding -> finding.rule() == Rule.PROJECTION)
        .allMatch(finding -> finding.table().equals("sensor"))
        .anyMatch(finding -> finding.expected().contains("all cameras"));
  }

  @Test
  void aSoundSetIsAccepted() throws InterruptedException {
    ValidationReport report = validate(new EditableSet(base));
    assertThat(report.findings()).isEmpty();
    assertThat(report.boxes()).isGreaterThan(500);
  }

  @Test
  void picturesOfAnotherCamera() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    for (int i = 0; i < CAMERAS.size(); i++) {
      List<Map<String, Object>> files = set.files(CAMERAS.get(i), true);
      List<Map<String, Object>> others = set.files(CAMERAS.get((i + 3) % CAMERAS.size()), true);
      for (int j = 0; j < files.size(); j++) {
        set.replaceFile(name(files.get(j)), set.file(name(others.get(j))));
      }
    }
    assertProjectionsAreWrong(set);
  }

  @Test
  void picturesThatAreMirrored() throws InterruptedException, IOException {
    EditableSet set = new EditableSet(base);
    for (String camera : CAMERAS) {
      for (Map<String, Object> record : set.files(camera, true)) {
        set.replaceFile(name(record), mirrored(set.file(name(record))));
      }
    }
    assertProjectionsAreWrong(set);
  }

  @Test
  void picturesOfAnotherTime() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    for (String camera : CAMERAS) {
      List<Map<String, Object>> files = set.files(camera, true);
      for (int i = 0; i < files.size(); i++) {
        set.replaceFile(
            name(files.get(i)), set.file(name(files.get((i + files.size() / 2) % files.size()))));
      }
    }
    assertProjectionsAreWrong(set);
  }

  @Test
  void aPictureThatCannotBeDecoded() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Map<String, Object> record = set.files("CAM_BACK", true).getFirst();
    byte[] bytes = set.file(name(record));
    // The frame header stays; what follows it up to the end marker is no JPEG.
    int at = 0;
    while (bytes[at] != (byte) 0xff || bytes[at + 1] != (byte) 0xc0) {
      at++;
    }
    Arrays.fill(bytes, at + 19, bytes.length - 2, (byte) 0x55);
    set.replaceFile(name(record), bytes);
    assertThat(validate(set).findings())
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.rule()).isEqualTo(Rule.FILE);
              assertThat(finding.token()).isEqualTo(EditableSet.token(record));
              assertThat(finding.expected()).contains("JPEG");
            });
  }

  private static String name(Map<String, Object> record) {
    return EditableSet.text(record, "filename");
  }

  private static byte[] mirrored(byte[] jpeg) throws IOException {
    BufferedImage image = ImageIO.read(new ByteArrayInputStream(jpeg));
    BufferedImage mirror =
        new BufferedImage(image.getWidth(), image.getHeight(), BufferedImage.TYPE_3BYTE_BGR);
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        mirror.setRGB(image.getWidth() - 1 - x, y, image.getRGB(x, y));
      }
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(mirror, "jpg", out);
    return out.toByteArray();
  }
}
