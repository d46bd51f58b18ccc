package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RadarPointsTest {
  @TempDir Path folder;

  private RadarPoints read(byte[] bytes) {
    try {
      Path file = folder.resolve("radar.pcd");
      Files.write(file, bytes);
      return RadarPoints.read(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private void assertRefused(byte[] bytes, String problem) {
    assertThatThrownBy(() -> read(bytes))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("radar.pcd")
        .hasMessageContaining(problem)
        .hasMessageNotContaining("\n");
  }

  private static float[] two() {
    float[] points = Arrays.copyOf(RadarPcd.point(10.5f, -3.25f, 0, 4, -2), 36);
    System.arraycopy(RadarPcd.point(-7, 8, 1, -0.5f, 0.25f), 0, points, 18, 18);
    points[18 + RadarField.ID.column()] = -300;
    points[18 + RadarField.DYN_PROP.column()] = 7;
    return points;
  }

  @Test
  void allNumbersComeBack() {
    RadarPoints points = read(RadarPcd.file(two()));
    assertThat(points.count()).isEqualTo(2);
    assertThat(points.toArray()).containsExactly(two());
    assertThat(points.x(0)).isEqualTo(10.5f);
    assertThat(points.y(1)).isEqualTo(8f);
    assertThat(points.z(1)).isEqualTo(1f);
    assertThat(points.get(0, RadarField.ID)).isEqualTo(300f);
    assertThat(points.get(1, RadarField.ID)).isEqualTo(-300f);
    assertThat(points.get(1, RadarField.VY_COMP)).isEqualTo(-0.75f);
    assertThat(read(RadarPcd.file(RadarPcd.header(2), two(), new byte[0])).toArray())
        .containsExactly(two());
    assertThat(read(RadarPcd.file(RadarPcd.header(0), new float[0], new byte[0])).count()).isZero();
    assertThat(RadarPoints.of(two()).toArray()).containsExactly(two());
  }

  @Test
  void otherSizesAndTypesAreRead() {
    String header =
        RadarPcd.header(1)
            .replace(RadarPcd.SIZES, "8 4 4 1 2 4 4 4 4 4 4 2 1 1 1 1 1 1")
            .replace(RadarPcd.TYPES, "F F F U U F F F F F U U I I I I I I")
            .replace("\n", "  \r\n");
    byte[] text = header.getBytes(StandardCharsets.US_ASCII);
    byte[] bytes = Arrays.copyOf(text, text.length + 8 + 8 + 1 + 2 + 20 + 4 + 2 + 6);
    int at = text.length;
    bytes[at + 6] = (byte) 0xf8; // 1.5 as a double
    bytes[at + 7] = 0x3f;
    bytes[at + 16] = (byte) 200;
    bytes[at + 17] = (byte) 0xff;
    bytes[at + 18] = (byte) 0xff;
    Arrays.fill(bytes, at + 39, at + 43, (byte) 0xff);
    bytes[bytes.length - 1] = -5;
    RadarPoints points = read(bytes);
    assertThat(points.x(0)).isEqualTo(1.5f);
    assertThat(points.get(0, RadarField.DYN_PROP)).isEqualTo(200f);
    assertThat(points.get(0, RadarField.ID)).isEqualTo(65535f);
    assertThat(points.get(0, RadarField.IS_QUALITY_VALID)).isEqualTo(0x1p32f);
    assertThat(points.get(0, RadarField.VY_RMS)).isEqualTo(-5f);
  }

  @Test
  void statesAreFilteredAsInTheDevkit() {
    float[] all = new float[18 * 5];
    for (int i = 0; i < 5; i++) {
      System.arraycopy(RadarPcd.point(i, 0, 0, 0, 0), 0, all, 18 * i, 18);
    }
    all[18 + RadarField.INVALID_STATE.column()] = 4;
    all[2 * 18 + RadarField.DYN_PROP.column()] = 7;
    all[3 * 18 + RadarField.AMBIG_STATE.column()] = 2;
    RadarPoints points = read(RadarPcd.file(all));
    assertThat(points.count()).isEqualTo(5);
    RadarPoints kept = points.filtered(RadarFilter.DEVKIT);
    assertThat(kept.count()).isEqualTo(2);
    assertThat(kept.x(0)).isZero();
    assertThat(kept.x(1)).isEqualTo(4f);
    assertThat(points.filtered(new RadarFilter(Set.of(4), Set.of(1), Set.of(3))).x(0)).isEqualTo(1);
  }

  @Test
  void nanInTheFirstReturnMeansNoReturns() {
    float[] empty = RadarPcd.point(Float.NaN, Float.NaN, Float.NaN, 0, 0);
    assertThat(read(RadarPcd.file(empty)).count()).isZero();
    float[] later = two();
    later[18 + RadarField.RCS.column()] = Float.NaN;
    assertRefused(RadarPcd.file(later), "point 1 has the value NaN for rcs");
    float[] infinite = two();
    infinite[1] = Float.NEGATIVE_INFINITY;
    assertRefused(RadarPcd.file(infinite), "point 0 has the value -Infinity for y");
    assertThatThrownBy(() -> RadarPoints.of(later)).hasMessageContaining("NaN for rcs");
    assertThatThrownBy(() -> RadarPoints.of(new float[17])).hasMessageContaining("18 floats");
  }

  @Test
  void everyTruncationIsAnError() {
    byte[] good = RadarPcd.file(RadarPcd.header(2), two(), new byte[0]);
    for (int length = 0; length < good.length; length++) {
      byte[] cut = Arrays.copyOf(good, length);
      assertThatThrownBy(() -> read(cut))
          .as("%d of %d bytes", length, good.length)
          .isInstanceOf(NuScenesException.class);
    }
    assertRefused(Arrays.copyOf(good, good.length - 1), "2 points of 43 bytes");
    assertRefused(Arrays.copyOf(good, good.length + 5000), "which are 86 bytes, got 5086");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "VERSION 0.7|VERSION 0.6|expected VERSION 0.7",
        "VERSION 0.7|PNG|the line 'PNG'",
        "FIELDS x y|FIELDS y x|expected FIELDS x y z",
        "VIEWPOINT|FIELDS x|two lines FIELDS",
        "SIZE 4|SIZE 3|type and size F3 for field x",
        "SIZE 4 4|SIZE 4|expected SIZE 18 sizes",
        "TYPE F|TYPE I -|expected TYPE 18 types",
        "TYPE F F F I|TYPE F F F F|F1 for field dyn_prop",
        "COUNT 1|COUNT 2|expected COUNT 1 for each",
        "COUNT 1 1|COUNT 1|expected COUNT 1 for each",
        "WIDTH 2|WIDTH 99999999999999999999|a number of points up to 65536",
        "WIDTH 2|WIDTH -1|a number of points up to 65536",
        "WIDTH 2|WIDTH|expected WIDTH one value",
        "POINTS 2|POINTS 3|expected POINTS WIDTH's 2",
        "HEIGHT 1|HEIGHT 2|expected HEIGHT 1",
        "DATA binary|DATA ascii|expected DATA binary",
        "DATA binary|DATA binary_compressed|expected DATA binary",
        "DATA binary|#|no line DATA",
        "HEIGHT 1||no line HEIGHT"
      })
  void badHeadersAreNamed(String good, String bad, String problem) {
    String header = RadarPcd.header(2);
    assertThat(header).contains(good);
    assertRefused(
        RadarPcd.file(header.replaceFirst(good, bad == null ? "" : bad), two(), new byte[0]),
        problem);
  }

  @Test
  void endlessHeadersAndOtherFilesAreRefused() {
    assertRefused(new byte[0], "no line DATA");
    assertRefused("#".repeat(1 << 20).getBytes(StandardCharsets.US_ASCII), "first 4096 bytes");
    assertRefused("\n# x".repeat(1 << 18).getBytes(StandardCharsets.US_ASCII), "first 4096 bytes");
    assertRefused(new byte[20_000_000], "larger than");
    assertRefused(new byte[] {(byte) 0xff, (byte) 0xd8, 10, 0, 1, 2}, "the line '??'");
    String many = RadarPcd.header(60_000);
    assertRefused(RadarPcd.file(many, two(), new byte[0]), "which are 2580000 bytes, got 86");
    assertThatThrownBy(() -> RadarPoints.read(folder.resolve("none.pcd")))
        .hasMessageContaining("none.pcd does not exist");
  }
}
