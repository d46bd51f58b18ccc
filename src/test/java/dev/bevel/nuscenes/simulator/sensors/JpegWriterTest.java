package dev.bevel.nuscenes.simulator.sensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.RgbImage;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JpegWriterTest {
  @TempDir Path folder;

  @Test
  void theStrictReaderReadsWhatIsWrittenAndItIsThePicture() throws Exception {
    Rendering picture =
        CameraRenderer.render(
            SensorScenes.street(5), SensorScenes.level(1.5, 0, 320, 180, 250), 1, 1);
    Path file = folder.resolve("picture.jpg");
    JpegWriter.write(file, picture, 0.95f);
    RgbImage read = RgbImage.readJpeg(file, 320, 180);
    long difference = 0;
    for (int i = 0; i < picture.rgb().length; i++) {
      for (int channel = 0; channel < 3; channel++) {
        int written = picture.rgb()[i] >> (16 - 8 * channel) & 0xff;
        difference += Math.abs(written - (read.rgb()[3 * i + channel] & 0xff));
      }
    }
    assertThat((double) difference / read.rgb().length).isLessThan(4);
  }

  @Test
  void bytesAreRepeatable() throws Exception {
    Rendering picture = CameraRenderer.render(SensorScenes.street(6), SensorScenes.level(), 1, 1);
    JpegWriter.write(folder.resolve("one.jpg"), picture, 0.9f);
    JpegWriter.write(folder.resolve("two.jpg"), picture, 0.9f);
    assertThat(Files.readAllBytes(folder.resolve("one.jpg")))
        .isEqualTo(Files.readAllBytes(folder.resolve("two.jpg")));
    JpegWriter.write(folder.resolve("coarse.jpg"), picture, 0.4f);
    assertThat(Files.size(folder.resolve("coarse.jpg")))
        .isLessThan(Files.size(folder.resolve("one.jpg")));
  }

  @Test
  void aMissingFolderIsNamed() {
    Rendering picture = CameraRenderer.render(SensorScenes.of(), SensorScenes.level(), 1, 1);
    Path file = folder.resolve("absent").resolve("picture.jpg");
    assertThatThrownBy(() -> JpegWriter.write(file, picture, 0.9f))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining(file.toString());
  }
}
