package dev.bevel.nuscenes.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.TinyNuScenes;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import dev.bevel.torch.io.SafeTensors;
import dev.bevel.torch.model.ConfigException;
import dev.bevel.torch.parity.DetectorFixture;
import dev.bevel.torch.parity.FixtureException;
import dev.bevel.torch.train.ConfigDocument;
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
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Text files in damaged or unusual encodings: every reader says so itself and names the file. */
class EncodingsTest {
  private static final String TEXT = "{\"name\": [1, 2], \"ä\": \"日本\", \"z\": \"\ud83d\ude00\"}";
  private static final Charset UTF_32LE = Charset.forName("UTF-32LE");
  private static final Charset UTF_32BE = Charset.forName("UTF-32BE");

  @TempDir Path folder;
  private Path dataSet;

  @BeforeEach
  void writeDataSet() throws IOException {
    dataSet = folder.resolve("set");
    new TinyNuScenes(dataSet).write();
  }

  /** Files of one text in many encodings, sound, cut off and with bytes that are none. */
  private static List<byte[]> corpus() {
    List<byte[]> files = new ArrayList<>();
    for (Charset charset :
        List.of(
            StandardCharsets.UTF_8,
            StandardCharsets.UTF_16LE,
            StandardCharsets.UTF_16BE,
            UTF_32LE,
            UTF_32BE,
            StandardCharsets.ISO_8859_1)) {
      byte[] sound = TEXT.getBytes(charset);
      byte[] marked = joined("\ufeff".getBytes(charset), sound);
      for (byte[] file : List.of(sound, marked)) {
        files.add(file);
        for (int cut = 1; cut < 9; cut++) {
          files.add(Arrays.copyOf(file, file.length - cut));
        }
        for (int at = 0; at < file.length; at += 3) {
          byte[] changed = file.clone();
          changed[at] = (byte) 0xff;
          files.add(changed);
        }
      }
    }
    for (int codePoint : new int[] {0x110000, 0xd800, 0x7fffffff, -1, 0}) {
      for (ByteOrder order : List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
        byte[] word = ByteBuffer.allocate(4).order(order).putInt(codePoint).array();
        Charset charset = order == ByteOrder.LITTLE_ENDIAN ? UTF_32LE : UTF_32BE;
        files.add(joined("{\"".getBytes(charset), word));
        files.add(joined(word, "{\"a\": 1}".getBytes(charset)));
      }
    }
    for (int[] sequence :
        new int[][] {
          {0xc0, 0xaf}, {0x80}, {0xe2, 0x82}, {0xed, 0xa0, 0x80}, {0xf8, 0x88, 0x80, 0x80, 0x80}
        }) {
      byte[] bytes = new byte[sequence.length];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) sequence[i];
      }
      files.add(joined("{\"".getBytes(StandardCharsets.UTF_8), bytes));
      files.add(joined("{\"a\": ".getBytes(StandardCharsets.UTF_8), bytes));
    }
    return files;
  }

  private static byte[] joined(byte[] first, byte[] second) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(first);
    all.writeBytes(second);
    return all.toByteArray();
  }

  @Test
  void configurations() throws IOException {
    Path file = folder.resolve("some.yaml");
    check(file, () -> ConfigDocument.load(file.toString()), ConfigException.class);
  }

  @Test
  void filesOfARun() throws IOException {
    Path file = folder.resolve("metrics.json");
    check(file, () -> JsonDocument.read(file), NuScenesException.class);
  }

  @Test
  void submissions() throws IOException {
    Path file = folder.resolve("submission.json");
    check(file, () -> SubmissionReader.readSample(file, "x"), NuScenesException.class);
  }

  @Test
  void tables() throws IOException {
    Path file = dataSet.resolve("v1.0-mini").resolve("category.json");
    check(file, () -> NuScenes.load(dataSet), NuScenesException.class);
  }

  @Test
  void splits() throws IOException {
    Path file = dataSet.resolve("v1.0-mini").resolve("splits.json");
    NuScenes set = NuScenes.load(dataSet);
    check(file, () -> Splits.scenes(set, "some_train"), NuScenesException.class);
  }

  @Test
  void fixtures() throws IOException {
    Path file = folder.resolve("fixture.json");
    check(file, () -> DetectorFixture.read(file), FixtureException.class);
  }

  @Test
  void headersOfCheckpoints() throws IOException {
    Path file = folder.resolve("some.safetensors");
    for (byte[] content : corpus()) {
      byte[] length =
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(content.length).array();
      Files.write(file, joined(length, content));
      refusedOrRead(file, content, () -> SafeTensors.read(file), IOException.class);
    }
  }

  private static void check(Path file, ThrowingCallable reader, Class<? extends Exception> own)
      throws IOException {
    for (byte[] content : corpus()) {
      Files.write(file, content);
      refusedOrRead(file, content, reader, own);
    }
  }

  private static void refusedOrRead(
      Path file, byte[] content, ThrowingCallable reader, Class<? extends Exception> own) {
    Throwable failure = catchThrowable(reader);
    if (failure != null) {
      assertThat(failure)
          .as("%d bytes: %s", content.length, Arrays.toString(content))
          .isExactlyInstanceOf(own)
          .message()
          .contains(file.toString())
          .doesNotContain("Exception")
          .doesNotContain("java.");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "!!binary \"%%%\"",
        "!!binary aGVsbG8=",
        "!!int abc",
        "!!int 1.5",
        "!!int 99999999999999999999",
        "!!float abc",
        "!!bool maybe",
        "!!null something",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!timestamp 2001-13-45",
        "!!str {a: b}",
        "!!map [1]",
        "!!seq {a: b}",
        "!foreign x",
        "!<tag:example.com,2000:x> y",
        "&a [*a]",
        "\"\\UFFFFFFFF\"",
        "\"\\ud800\"",
        ".nan",
        ".inf"
      })
  void valuesThatAreNoneOfTheirTag(String value) throws IOException {
    Path file = folder.resolve("some.yaml");
    for (String document : List.of("name: " + value, value, "a: 1\n" + value + ": b")) {
      Files.writeString(file, document);
      assertThat(catchThrowable(() -> ConfigDocument.load(file.toString())))
          .as(document)
          .isExactlyInstanceOf(ConfigException.class)
          .message()
          .startsWith(file + ": ")
          .doesNotContain("Exception")
          .doesNotContain("[B@");
    }
  }
}
