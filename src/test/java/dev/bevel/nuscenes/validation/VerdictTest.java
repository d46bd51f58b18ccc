package dev.bevel.nuscenes.validation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.LidarPoints;
import dev.bevel.nuscenes.MapRegion;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.RadarPcd;
import dev.bevel.nuscenes.RadarPoints;
import dev.bevel.nuscenes.RgbImage;
import dev.bevel.testing.Seed;
import dev.bevel.testing.TestData;
import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One corpus of sound and damaged files goes through the reader and the validator, which share no
 * code: both accept a file or both refuse it.
 */
class VerdictTest {
  private static final int WIDTH = 40;
  private static final int HEIGHT = 24;

  private final Random random = Seed.random(VerdictTest.class);

  @TempDir private Path folder;

  /** Files by what was done to them. */
  private final Map<String, byte[]> corpus = new LinkedHashMap<>();

  private int accepted;
  private int refused;

  @FunctionalInterface
  private interface Reader {
    void read(Path file);
  }

  @FunctionalInterface
  private interface Inspector {
    FileInspector.@Nullable Fault inspect(Path file) throws IOException;
  }

  private void compare(Reader reader, Inspector inspector) throws IOException {
    Path file = folder.resolve("file");
    for (Map.Entry<String, byte[]> one : corpus.entrySet()) {
      Files.write(file, one.getValue());
      String refusal = refusal(reader, file);
      FileInspector.Fault fault = inspector.inspect(file);
      assertThat(fault == null)
          .as("%s: the reader says %s, the validator %s", one.getKey(), refusal, fault)
          .isEqualTo(refusal == null);
      if (refusal == null) {
        accepted++;
      } else {
        refused++;
        assertThat(refusal).contains(file.toString()).doesNotContain("java.");
      }
    }
  }

  private static @Nullable String refusal(Reader reader, Path file) {
    try {
      reader.read(file);
      return null;
    } catch (NuScenesException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /** Cuts, additions and single wrong bytes of a sound file. */
  private void damage(String name, byte[] good, int mutations) {
    corpus.put(name, good);
    for (int i = 0; i < 60; i++) {
      int length = i < 40 ? Math.min(good.length, i) : random.nextInt(good.length);
      corpus.put(name + " cut at " + length, Arrays.copyOf(good, length));
      int fewer = Math.max(0, good.length - 1 - i);
      corpus.put(name + " cut at " + fewer, Arrays.copyOf(good, fewer));
    }
    for (int more : List.of(1, 8, 20, 4096, 4097)) {
      corpus.put(name + " and " + more + " bytes", Arrays.copyOf(good, good.length + more));
    }
    for (int i = 0; i < mutations; i++) {
      byte[] bad = good.clone();
      int at = random.nextInt(i % 2 == 0 ? Math.min(700, bad.length) : bad.length);
      bad[at] = (byte) (random.nextBoolean() ? random.nextInt() : bad[at] ^ 1 << random.nextInt(8));
      corpus.put(String.format(Locale.ROOT, "%s, byte %d is %d", name, at, bad[at]), bad);
    }
  }

  private void given(String kind) throws IOException {
    corpus.clear();
    try (var files = Files.list(TestData.require("faults/" + kind))) {
      for (Path file : files.sorted().toList()) {
        corpus.put("given " + file.getFileName(), Files.readAllBytes(file));
      }
    }
    assertThat(corpus).isNotEmpty();
  }

  @Test
  void givenFiles() throws IOException {
    given("jpeg");
    compare(file -> RgbImage.readJpeg(file, 64, 36), file -> JpegInspector.inspect(file, 64, 36));
    given("radar");
    compare(RadarPoints::read, RadarInspector::inspect);
    Path jpegs = TestData.require("faults/jpeg");
    assertThat(RgbImage.readJpeg(jpegs.resolve("p3-profile.jpg"), 64, 36).rgb())
        .isEqualTo(RgbImage.readJpeg(jpegs.resolve("no-profile.jpg"), 64, 36).rgb());
  }

  // JPEG

  private static BufferedImage picture(int type) {
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, type);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
      image.setRGB(i % WIDTH, i / WIDTH, i * 0x01050b);
    }
    return image;
  }

  private static byte[] jpeg(boolean progressive, int type) throws IOException {
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageWriteParam settings = writer.getDefaultWriteParam();
    settings.setProgressiveMode(
        progressive ? ImageWriteParam.MODE_DEFAULT : ImageWriteParam.MODE_DISABLED);
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      writer.setOutput(out);
      writer.write(null, new IIOImage(picture(type), null, null), settings);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  /** The file with a segment after its first marker. */
  private static byte[] with(byte[] jpeg, int marker, byte[] content) {
    ByteBuffer file = ByteBuffer.allocate(jpeg.length + content.length + 4);
    file.put(jpeg, 0, 2).put((byte) 0xff).put((byte) marker).putShort((short) (content.length + 2));
    return file.put(content).put(jpeg, 2, jpeg.length - 2).array();
  }

  private static byte[] latin(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] icc(byte[] profile) {
    ByteBuffer content = ByteBuffer.allocate(14 + profile.length);
    return content.put(latin("ICC_PROFILE\0")).put((byte) 1).put((byte) 1).put(profile).array();
  }

  private static byte[] profile(int space) {
    return ICC_Profile.getInstance(space).getData();
  }

  /** Without the segments of applications. */
  private static byte[] bare(byte[] jpeg) {
    int length = (jpeg[4] & 0xff) << 8 | jpeg[5] & 0xff;
    byte[] rest = Arrays.copyOfRange(jpeg, 4 + length, jpeg.length);
    ByteBuffer file = ByteBuffer.allocate(rest.length + 2);
    return file.put(jpeg, 0, 2).put(rest).array();
  }

  private static byte[] components(byte[] jpeg, String ids) {
    byte[] named = jpeg.clone();
    int next = 0;
    for (int i = 2; i < named.length - 12 && next == 0; i++) {
      if (named[i] == -1 && (named[i + 1] == -64 || named[i + 1] == -62)) {
        for (int c = 0; c < 3; c++) {
          named[i + 10 + 3 * c] = (byte) ids.charAt(c);
        }
        next = i;
      }
    }
    for (int i = next; i < named.length - 10; i++) {
      if (named[i] == -1 && named[i + 1] == -38) {
        for (int c = 0; c < 3; c++) {
          named[i + 5 + 2 * c] = (byte) ids.charAt(c);
        }
        return named;
      }
    }
    return named;
  }

  private void jpegs() throws IOException {
    byte[] baseline = jpeg(false, BufferedImage.TYPE_3BYTE_BGR);
    damage("baseline", baseline, 300);
    damage("progressive", jpeg(true, BufferedImage.TYPE_3BYTE_BGR), 300);
    corpus.put("grey", jpeg(false, BufferedImage.TYPE_BYTE_GRAY));
    corpus.put("bare", bare(baseline));
    corpus.put("named RGB", components(bare(baseline), "RGB"));
    corpus.put("named otherwise", components(bare(baseline), "YCc"));
    corpus.put("profile", with(baseline, 0xe2, icc(profile(ColorSpace.CS_LINEAR_RGB))));
    corpus.put("grey's profile", with(baseline, 0xe2, icc(profile(ColorSpace.CS_GRAY))));
    corpus.put("broken profile", with(baseline, 0xe2, icc(new byte[200])));
    corpus.put("no profile at all", with(baseline, 0xe2, icc(new byte[0])));
    corpus.put("broken Exif", with(baseline, 0xe1, latin("Exif\0\0MM\0*\0\0ÿÿ")));
    corpus.put("comment", with(baseline, 0xfe, latin("a comment")));
    corpus.put("short JFIF", with(bare(baseline), 0xe0, latin("JFIF\0")));
    corpus.put("empty segment", with(baseline, 0xe5, new byte[0]));
    for (int transform = 0; transform < 4; transform++) {
      byte[] adobe = {'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, (byte) transform};
      corpus.put("Adobe " + transform, with(bare(baseline), 0xee, adobe));
      corpus.put("Adobe and JFIF " + transform, with(baseline, 0xee, adobe));
    }
    byte[] four = baseline.clone();
    for (int i = 2; i < four.length - 10; i++) {
      if (four[i] == -1 && four[i + 1] == -64) {
        four[i + 9] = 4;
        break;
      }
    }
    corpus.put("four components", four);
    corpus.put("twice", concatenated(baseline, baseline));
    for (int i = 2; i + 1 < baseline.length; i++) {
      if (baseline[i] == -1 && baseline[i + 1] != 0) {
        corpus.put("cut before the marker at " + i, Arrays.copyOf(baseline, i));
        byte[] ended = Arrays.copyOf(baseline, i + 2);
        ended[i + 1] = (byte) 0xd9;
        corpus.put("ended at the marker at " + i, ended);
      }
    }
    for (int i = 0; i < 40; i++) {
      byte[] ended = Arrays.copyOf(baseline, baseline.length - 2 - 5 * i);
      ended[ended.length - 2] = (byte) 0xff;
      ended[ended.length - 1] = (byte) 0xd9;
      corpus.put("ended " + i, ended);
    }
  }

  private static byte[] concatenated(byte[] a, byte[] b) {
    return ByteBuffer.allocate(a.length + b.length).put(a).put(b).array();
  }

  @Test
  void pictures() throws IOException {
    jpegs();
    compare(
        file -> RgbImage.readJpeg(file, WIDTH, HEIGHT),
        file -> JpegInspector.inspect(file, WIDTH, HEIGHT));
    assertThat(accepted).isGreaterThan(50);
    assertThat(refused).isGreaterThan(200);
  }

  @Test
  void profilesChangeNoPixel() throws IOException {
    byte[] plain = jpeg(false, BufferedImage.TYPE_3BYTE_BGR);
    Path file = folder.resolve("file.jpg");
    byte[] expected = pixels(file, plain);
    for (int space :
        new int[] {ColorSpace.CS_LINEAR_RGB, ColorSpace.CS_GRAY, ColorSpace.CS_CIEXYZ}) {
      assertThat(pixels(file, with(plain, 0xe2, icc(profile(space))))).isEqualTo(expected);
    }
    assertThat(pixels(file, with(plain, 0xe2, icc(new byte[300])))).isEqualTo(expected);
    assertThat(pixels(file, with(plain, 0xe1, latin("Exif\0\0")))).isEqualTo(expected);
    // libjpeg takes three components for YCbCr unless they are called R, G, B or Adobe says so.
    assertThat(pixels(file, bare(plain))).isEqualTo(expected);
    assertThat(pixels(file, components(bare(plain), "ABC"))).isEqualTo(expected);
    byte[] adobe = {'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 1};
    assertThat(pixels(file, with(bare(plain), 0xee, adobe))).isEqualTo(expected);
    adobe[11] = 0;
    assertThat(pixels(file, with(plain, 0xee, adobe))).as("JFIF's word counts").isEqualTo(expected);
    byte[] rgb = pixels(file, with(bare(plain), 0xee, adobe));
    assertThat(rgb).isNotEqualTo(expected);
    assertThat(pixels(file, components(bare(plain), "RGB"))).isEqualTo(rgb);
  }

  private static byte[] pixels(Path file, byte[] jpeg) throws IOException {
    Files.write(file, jpeg);
    return RgbImage.readJpeg(file, WIDTH, HEIGHT).rgb();
  }

  @Test
  void greyAndFourComponentsAreRefusedWithOneSentence() throws IOException {
    jpegs();
    for (String name : List.of("grey", "four components")) {
      Path file = Files.write(folder.resolve("file.jpg"), corpus.get(name));
      assertThat(refusal(f -> RgbImage.readJpeg(f, WIDTH, HEIGHT), file))
          .endsWith("must be an 8-bit image of 3 components");
      assertThat(JpegInspector.inspect(file, WIDTH, HEIGHT))
          .extracting(FileInspector.Fault::expected)
          .isEqualTo("an 8-bit image of 3 components");
    }
  }

  // points

  @Test
  void lidar() throws IOException {
    float[] points = new float[5 * 40];
    for (int i = 0; i < points.length; i++) {
      points[i] = i % 5 == 4 ? i % 31 : i % 5 == 3 ? i % 200 : random.nextFloat() * 50 - 25;
    }
    damage("sweep", floats(points), 200);
    float[] values = {
      Float.NaN, Float.POSITIVE_INFINITY, -1, 0.5f, 32, 127, 255, 256, 1e9f, -0f, Float.MIN_VALUE
    };
    for (int element = 0; element < 5; element++) {
      for (float value : values) {
        float[] bad = points.clone();
        bad[5 * random.nextInt(40) + element] = value;
        corpus.put("element " + element + " is " + value, floats(bad));
      }
    }
    corpus.put("four floats a point", floats(misread(points)));
    compare(LidarPoints::read, file -> FileInspector.lidar(file).fault());
    assertThat(accepted).isGreaterThan(50);
    assertThat(refused).isGreaterThan(100);
  }

  private static float[] misread(float[] points) {
    float[] four = new float[points.length / 5 * 4];
    for (int i = 0; i < four.length; i++) {
      four[i] = points[i / 4 * 5 + i % 4];
    }
    return four;
  }

  private static byte[] floats(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  @Test
  void radar() throws IOException {
    float[] returns = new float[18 * 3];
    for (int i = 0; i < returns.length; i++) {
      returns[i] = i % 100;
    }
    String header = RadarPcd.header(3);
    damage("radar", RadarPcd.file(returns), 400);
    for (int i = 0; i < header.length(); i++) {
      if (header.charAt(i) == '\n' || header.charAt(i) == ' ') {
        corpus.put("header cut at " + i, Arrays.copyOf(RadarPcd.file(returns), i + 1));
      }
    }
    String[][] changes = {
      {"FIELDS x y z", "FIELDS y x z"},
      {"FIELDS x y", "FIELDS x x"},
      {"HEIGHT 1", "HEIGHT 2"},
      {"HEIGHT 1\n", ""},
      {"WIDTH 3", "WIDTH 2"},
      {"WIDTH 3", "WIDTH 03"},
      {"WIDTH 3", "WIDTH -3"},
      {"WIDTH 3", "WIDTH 3 3"},
      {"POINTS 3", "POINTS 4"},
      {"POINTS 3\n", ""},
      {"POINTS 3", "POINTS 3\nPOINTS 3"},
      {"VERSION 0.7", "VERSION .7"},
      {"VERSION 0.7", "VERSION 0.6"},
      {"VERSION 0.7\n", ""},
      {"DATA binary", "DATA ascii"},
      {"DATA binary", "DATA binary_compressed"},
      {"DATA binary", "DATA  binary "},
      {"VIEWPOINT 0 0 0 1 0 0 0\n", ""},
      {"VIEWPOINT 0 0 0 1 0 0 0", "VIEWPOINT"},
      {"COUNT 1 1", "COUNT 1 2"},
      {"SIZE 4", "SIZE 8"},
      {"SIZE 4", "SIZE 3"},
      {"TYPE F", "TYPE D"},
      {"TYPE F", "TYPE U"},
      {"# .PCD", "#.PCD"},
      {"# .PCD v0.7 - Point Cloud Data file format\n", ""},
      {"WIDTH", "\n\nWIDTH"},
      {"WIDTH", "# a remark\nWIDTH"},
      {"WIDTH", "REMARK\nWIDTH"},
      {"WIDTH", "\tWIDTH"},
      {"\n", "\r\n"},
    };
    for (String[] change : changes) {
      corpus.put(
          "'" + change[0] + "' is '" + change[1] + "'",
          RadarPcd.file(header.replace(change[0], change[1]), returns, new byte[28]));
    }
    for (int i : List.of(0, 5, 17, 18, 23, 40)) {
      for (float value : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
        float[] bad = returns.clone();
        bad[i] = value;
        corpus.put("number " + i + " is " + value, RadarPcd.file(bad));
      }
    }
    corpus.put("none", RadarPcd.file(new float[0]));
    compare(RadarPoints::read, RadarInspector::inspect);
    assertThat(accepted).isGreaterThan(30);
    assertThat(refused).isGreaterThan(100);
  }

  // masks

  private static byte[] chunk(String type, byte[] content) {
    CRC32 crc = new CRC32();
    crc.update(latin(type));
    crc.update(content);
    ByteBuffer chunk = ByteBuffer.allocate(content.length + 12).putInt(content.length);
    return chunk.put(latin(type)).put(content).putInt((int) crc.getValue()).array();
  }

  private static byte[] header(int width, int height, int depth, int colour, int interlace) {
    ByteBuffer header = ByteBuffer.allocate(13).putInt(width).putInt(height);
    header.put((byte) depth).put((byte) colour).putShort((short) 0).put((byte) interlace);
    return chunk("IHDR", header.array());
  }

  private static byte[] rows(int filter, int rows) {
    byte[] data = new byte[rows * 31];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) (i % 31 == 0 ? filter : i * 7);
    }
    return data;
  }

  private static byte[] deflated(byte[] data) {
    Deflater deflater = new Deflater();
    deflater.setInput(data);
    deflater.finish();
    byte[] packed = new byte[data.length + 100];
    int length = deflater.deflate(packed);
    deflater.end();
    return Arrays.copyOf(packed, length);
  }

  private static byte[] png(byte[]... chunks) {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
    for (byte[] chunk : chunks) {
      file.writeBytes(chunk);
    }
    return file.toByteArray();
  }

  @Test
  void masks() throws IOException {
    byte[] header = header(30, 20, 8, 0, 0);
    byte[] packed = deflated(rows(0, 20));
    byte[] data = chunk("IDAT", packed);
    byte[] end = chunk("IEND", new byte[0]);
    byte[] text = chunk("tEXt", latin("key\0value"));
    byte[] good = png(header, data, end);
    damage("mask", good, 400);
    byte[] first = chunk("IDAT", Arrays.copyOf(packed, 10));
    byte[] second = chunk("IDAT", Arrays.copyOfRange(packed, 10, packed.length));
    byte[] none = chunk("IDAT", new byte[0]);
    corpus.put("in two chunks", png(header, first, second, end));
    corpus.put("with empty chunks", png(header, none, first, none, second, none, end));
    corpus.put("with text", png(header, text, data, text, end));
    corpus.put("text between", png(header, first, text, second, end));
    corpus.put("data again", png(header, data, text, data, end));
    corpus.put("twice", png(header, data, data, end));
    corpus.put("no end", png(header, data));
    corpus.put("no data", png(header, end));
    corpus.put("no header", png(data, end));
    corpus.put("header late", png(text, header, data, end));
    corpus.put("end twice", png(header, data, end, end));
    corpus.put("too many rows", png(header, chunk("IDAT", deflated(rows(0, 21))), end));
    corpus.put("too few rows", png(header, chunk("IDAT", deflated(rows(0, 19))), end));
    corpus.put(
        "no checksum", png(header, chunk("IDAT", Arrays.copyOf(packed, packed.length - 4)), end));
    byte[] wrong = packed.clone();
    wrong[wrong.length - 1] ^= 1;
    corpus.put("wrong checksum of the data", png(header, chunk("IDAT", wrong), end));
    for (int filter = 0; filter < 256; filter += filter < 6 ? 1 : 50) {
      corpus.put("filter " + filter, png(header, chunk("IDAT", deflated(rows(filter, 20))), end));
    }
    for (int[] h :
        new int[][] {
          {30, 20, 16, 0, 0}, {30, 20, 8, 2, 0}, {30, 20, 8, 3, 0}, {30, 20, 8, 0, 1},
          {30, 20, 4, 0, 0}, {240, 20, 1, 0, 0}, {120, 20, 2, 0, 0}, {0, 20, 8, 0, 0},
          {30, -1, 8, 0, 0}, {30, 70_000, 8, 0, 0}, {60_000, 60_000, 1, 0, 0}, {30, 20, 3, 0, 0}
        }) {
      corpus.put(
          "header " + Arrays.toString(h), png(header(h[0], h[1], h[2], h[3], h[4]), data, end));
    }
    compare(file -> MapRegion.read(file, 1, 1, 200), PngInspector::inspect);
    assertThat(accepted).isGreaterThan(15);
    assertThat(refused).isGreaterThan(200);
  }

  // tables

  @Test
  void tables() throws IOException, InterruptedException {
    Path base = EditableSet.simulate(folder);
    for (String table : List.of("sample_annotation", "ego_pose", "category")) {
      Path file = base.resolve("v1.0-sim").resolve(table + ".json");
      String good = Files.readString(file);
      for (Map.Entry<String, byte[]> one : tableCorpus(good).entrySet()) {
        Files.write(file, one.getValue());
        String refusal = refusal(f -> NuScenes.load(f, "v1.0-sim"), base);
        ValidationReport report =
            DataSetValidator.of(base, "v1.0-sim").files(FileScope.MAPS).validate();
        assertThat(report.isAccepted())
            .as("%s %s: %s, %s", table, one.getKey(), refusal, report.findings())
            .isEqualTo(refusal == null);
        String said = refusal + report.findings();
        assertThat(said).doesNotContain("Feature", "Constraints", "Source:", "java.", "fasterxml");
      }
      Files.writeString(file, good);
    }
  }

  private Map<String, byte[]> tableCorpus(String good) {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put("good", good);
    texts.put("cut", good.substring(0, good.length() / 2));
    texts.put("cut before the end", good.substring(0, good.lastIndexOf(']')));
    texts.put("empty", "");
    texts.put("no array", "{}");
    texts.put("more", good + "[]");
    texts.put("spaces after", good + " \n\t ");
    texts.put("NUL after", good + "\0");
    texts.put("BOM", "\ufeff" + good);
    texts.put("comment", "/* a comment */" + good);
    texts.put("trailing comma", good.substring(0, good.lastIndexOf(']')) + ",]");
    texts.put("a number in the array", good.substring(0, good.lastIndexOf(']')) + ",1]");
    for (String more :
        List.of(
            "\"further\":1",
            "\"further\":1,\"further\":2",
            "\"further\":NaN",
            "\"further\":[{\"x\":-Infinity}]",
            "\"further\":1e999",
            "\"further\":01",
            "\"further\":'text'",
            "\"further\":" + "1".repeat(65),
            "\"further\":" + "1".repeat(60),
            "\"further\":\"\\ud800\"",
            "\"further\":\"a\tb\"",
            "\"further\":" + "[".repeat(13) + "]".repeat(13),
            "\"further\":" + "[".repeat(20) + "]".repeat(20),
            "\"further\":" + "[".repeat(5000) + "]".repeat(5000),
            "\"token\":\"x\"")) {
      String told = more.length() > 60 ? more.substring(0, 60) : more;
      texts.put("with " + told, good.replaceFirst("\\{", "{" + more.replace("\\", "\\\\") + ","));
    }
    Map<String, byte[]> files = new LinkedHashMap<>();
    texts.forEach((name, text) -> files.put(name, text.getBytes(StandardCharsets.UTF_8)));
    for (String charset : List.of("UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE", "UTF-16")) {
      files.put(charset, good.getBytes(Charset.forName(charset)));
    }
    byte[] wide = good.getBytes(Charset.forName("UTF-32BE"));
    wide[401] = 0x7f;
    files.put("invalid UTF-32", wide);
    byte[] narrow = good.getBytes(StandardCharsets.UTF_8);
    narrow[100] = (byte) 0xff;
    files.put("invalid UTF-8", narrow);
    List<String> names = new ArrayList<>(files.keySet());
    assertThat(names).hasSizeGreaterThan(30);
    return files;
  }
}
