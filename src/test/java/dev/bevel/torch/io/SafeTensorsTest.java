package dev.bevel.torch.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SafeTensorsTest {
  @TempDir private Path folder;
  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {
        "Double",
        "Float",
        "Half",
        "BFloat16",
        "Long",
        "Int",
        "Short",
        "Char",
        "Byte",
        "Bool"
      })
  void everyDtypeSurvives(ScalarType dtype) throws IOException {
    Tensor tensor = Tensors.of(new double[] {0, 1, 2.5, 100, 7, 64}, 2, 3).to(dtype);
    Tensor back = Objects.requireNonNull(roundTrip(Map.of("x", tensor)).tensors().get("x"));
    assertThat(back.scalar_type().intern()).isEqualTo(dtype);
    assertThat(back.shape()).containsExactly(2, 3);
    assertThat(Tensors.toDoubles(back)).isEqualTo(Tensors.toDoubles(tensor));
  }

  @Test
  void scalarsEmptyTensorsLayoutsAndMetadataSurvive() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("scalar", Tensors.of(new double[] {Double.NaN}).view(new long[0]));
    tensors.put("empty", torch.zeros(3, 0, 2));
    Tensor image = torch.randn(2, 3, 4, 5);
    tensors.put("channels-last", image.contiguous(MemoryFormat.ChannelsLast));
    tensors.put("transposed", torch.randn(3, 4).t());
    tensors.put("Zürich \"1\"", torch.ones(1));
    Map<String, String> metadata = Map.of("step", "12", "config", "name: x\nline: 2");
    Path file = folder.resolve("a.safetensors");
    SafeTensors.write(file, tensors, metadata);
    SafeTensors.Contents contents = SafeTensors.read(file);
    assertThat(contents.metadata()).isEqualTo(metadata);
    assertThat(contents.tensors().keySet()).containsExactlyInAnyOrderElementsOf(tensors.keySet());
    tensors.forEach(
        (name, tensor) -> {
          Tensor back = Objects.requireNonNull(contents.tensors().get(name));
          assertThat(back.shape()).as(name).isEqualTo(tensor.shape());
          assertThat(Tensors.toDoubles(back)).as(name).isEqualTo(Tensors.toDoubles(tensor));
        });
    assertThat(Files.size(file) % 8)
        .as("data begin at a multiple of 8")
        .isEqualTo(dataBytes(tensors) % 8);
  }

  private static long dataBytes(Map<String, Tensor> tensors) {
    return tensors.values().stream().mapToLong(t -> t.numel() * t.itemsize()).sum();
  }

  private SafeTensors.Contents roundTrip(Map<String, Tensor> tensors) throws IOException {
    Path file = folder.resolve("r.safetensors");
    SafeTensors.write(file, tensors, Map.of());
    return SafeTensors.read(file);
  }

  /** The writer keeps the reader's rules, and to them before it touches the file. */
  @Test
  @SuppressWarnings("NullAway") // what is tested
  void whatCouldNotBeReadIsNotWritten() throws IOException {
    Tensor x = torch.ones(2);
    Map<String, Tensor> sound = Map.of("x", x);
    String half = "\ud800";
    Map<String, String> nothing = new HashMap<>();
    nothing.put("note", null);
    Map<String, String> ofNothing = new HashMap<>();
    ofNothing.put(null, "note");
    Map<String, Tensor> unnamed = new HashMap<>();
    unnamed.put(null, x);
    long[] ones = new long[17];
    Arrays.fill(ones, 1);
    refusedToWrite(sound, nothing, "the metadata's 'note' must be a text, got null");
    refusedToWrite(sound, ofNothing, "a key of the metadata is null");
    refusedToWrite(sound, null, "metadata is null");
    refusedToWrite(null, Map.of(), "tensors is null");
    refusedToWrite(unnamed, Map.of(), "the name of a tensor is null");
    refusedToWrite(Map.of("a" + half, x), Map.of(), "half of a surrogate pair");
    refusedToWrite(sound, Map.of("k", half + "a"), "the metadata's text of 'k'");
    refusedToWrite(sound, Map.of(half, "v"), "the metadata's key");
    refusedToWrite(
        Map.of("deep", torch.ones(ones)), Map.of(), "must have at most 16 sizes, got 17");
    refusedToWrite(sound, Map.of("k", "a".repeat(70 << 20)), "must have at most 67108864 bytes");
    refusedToWrite(sound, Map.of("k", "a".repeat(30 << 20)), "it could not be read again");
    refusedToWrite(Map.of("n".repeat(60_000), x), Map.of(), "it could not be read again");
    refusedToWrite(Map.of("__metadata__", x), Map.of(), "__metadata__");
    assertThatThrownBy(() -> SafeTensors.write(null, sound, Map.of()))
        .hasMessage("SafeTensors.write: file is null");
    assertThatThrownBy(() -> SafeTensors.read(null)).hasMessage("SafeTensors.read: file is null");
    assertThatThrownBy(() -> SafeTensors.read(folder.resolve("x"), null))
        .hasMessage("SafeTensors.read: wanted is null");
    Map<String, Tensor> deepest = Map.of("\ud83d\ude97", torch.ones(Arrays.copyOf(ones, 16)));
    assertThat(roundTrip(deepest).tensors()).containsOnlyKeys("\ud83d\ude97");
  }

  private void refusedToWrite(
      Map<String, Tensor> tensors, Map<String, String> metadata, String message)
      throws IOException {
    Path file = folder.resolve("unwritten.safetensors");
    Files.writeString(file, "what was there");
    assertThatThrownBy(() -> SafeTensors.write(file, tensors, metadata))
        .isInstanceOfAny(IllegalArgumentException.class, NullPointerException.class)
        .hasMessageContaining(message);
    assertThat(file).hasContent("what was there");
  }

  @Test
  void writingReplacesWholeFilesAndLeavesNothingBehind() throws IOException {
    Path file = folder.resolve("a.safetensors");
    SafeTensors.write(file, Map.of("x", torch.ones(3)), Map.of());
    SafeTensors.write(file, Map.of("y", torch.ones(2)), Map.of());
    assertThat(SafeTensors.read(file).tensors()).containsOnlyKeys("y");
    Tensor complex = torch.ones(2).to(ScalarType.ComplexFloat);
    assertThatThrownBy(() -> SafeTensors.write(file, Map.of("z", complex), Map.of()))
        .hasMessageContaining("tensor z has dtype");
    assertThat(SafeTensors.read(file).tensors()).containsOnlyKeys("y");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    Path whole = folder.resolve("whole.safetensors");
    SafeTensors.write(
        whole, Map.of("weight", torch.ones(2, 3), "bias", torch.ones(3)), Map.of("a", "b"));
    byte[] bytes = Files.readAllBytes(whole);
    Path cut = folder.resolve("cut.safetensors");
    for (int length = 0; length < bytes.length; length++) {
      Files.write(cut, Arrays.copyOf(bytes, length));
      assertThatThrownBy(() -> SafeTensors.read(cut))
          .as("length %d", length)
          .message()
          .matches(Pattern.quote(cut + ": ") + ".*(not a|must be a) safetensors.*");
    }
    Files.write(cut, Arrays.copyOf(bytes, bytes.length + 1));
    assertThatThrownBy(() -> SafeTensors.read(cut))
        .hasMessageContaining("its tensors have 36 bytes, the file holds 37");
  }

  /** Whichever bytes are changed: no tensor is handed out that is not the one that was written. */
  @Test
  void noDamagedByteIsRead() throws IOException {
    long seed = 4711;
    int rounds = Boolean.getBoolean("bevel.test.long") ? 100_000 : 2_000;
    Random random = new Random(seed);
    Path file = folder.resolve("fuzz.safetensors");
    SafeTensors.write(
        file, Map.of("weight", torch.ones(2, 3), "bias", torch.ones(3)), Map.of("a", "b"));
    byte[] bytes = Files.readAllBytes(file);
    for (int round = 0; round < rounds; round++) {
      byte[] damaged = bytes.clone();
      for (int i = 0; i <= random.nextInt(3); i++) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      }
      if (!Arrays.equals(damaged, bytes)) {
        assertRefused(file, damaged, "seed " + seed + ", round " + round);
      }
    }
    for (int at = 0; at < bytes.length; at++) {
      for (int bit = 0; bit < 8; bit++) {
        byte[] damaged = bytes.clone();
        damaged[at] ^= (byte) (1 << bit);
        assertRefused(file, damaged, "bit " + bit + " of byte " + at);
      }
    }
  }

  private static void assertRefused(Path file, byte[] bytes, String what) throws IOException {
    Files.write(file, bytes);
    assertThatThrownBy(() -> SafeTensors.read(file))
        .as(what)
        .isInstanceOf(IOException.class)
        .message()
        .matches(Pattern.quote(file.toString()) + ": (not a safetensors file|damaged): .*");
  }

  @Test
  void theDamagedTensorIsNamedAndOthersCanBeRead() throws IOException {
    Path file = folder.resolve("a.safetensors");
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (String name : List.of("first", "second", "third")) {
      tensors.put(name, torch.randn(1000));
    }
    SafeTensors.write(file, tensors, Map.of("a", "b"));
    byte[] bytes = Files.readAllBytes(file);
    Arrays.fill(bytes, bytes.length - 6000, bytes.length - 5000, (byte) 0); // within the second
    Files.write(file, bytes);
    assertThatThrownBy(() -> SafeTensors.read(file))
        .hasMessageStartingWith(file + ": damaged: tensor 'second' is not as it was written")
        .hasMessageContaining("use another copy or an earlier checkpoint");
    assertThat(SafeTensors.read(file, name -> !name.equals("second")).tensors())
        .containsOnlyKeys("first", "third");
    assertThat(SafeTensors.readMetadata(file)).isEqualTo(Map.of("a", "b"));

    String header = new String(bytes, StandardCharsets.ISO_8859_1).replace("\"b\"", "\"c\"");
    Files.write(file, header.getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> SafeTensors.readMetadata(file))
        .hasMessageStartingWith(file + ": damaged: its header is not as it was written");
  }

  /** The sums are as the documentation says, so that anybody can check them. */
  @Test
  void sumsAreCrc32cOfTheTensorsBytes() throws IOException {
    Path file = folder.resolve("a.safetensors");
    SafeTensors.write(file, Map.of("digits", bytes("123456789")), Map.of());
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    assertThat(text).contains("\"bevel.crc32c.digits\":\"e3069283\""); // the standard's check value
    assertThatThrownBy(
            () -> SafeTensors.write(file, Map.of(), Map.of("bevel.crc32c.x", "00000000")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("bevel.crc32c.x");
  }

  private static Tensor bytes(String text) {
    return Tensors.of(text.chars().mapToDouble(c -> c).toArray(), text.length())
        .to(ScalarType.Byte);
  }

  /** A header of somebody else's and the bytes of its tensors. */
  private void writeForeign(Path file, String header, int... data) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + json.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    for (int value : data) {
      bytes.put((byte) value);
    }
    Files.write(file, bytes.array());
  }

  @Test
  void filesOfOthersAreReadWithoutSums() throws IOException {
    Path file = folder.resolve("foreign.safetensors");
    writeForeign(
        file,
        "{\"__metadata__\":{\"format\":\"pt\"},\"x\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}",
        7,
        8,
        9);
    SafeTensors.Contents contents = SafeTensors.read(file);
    assertThat(contents.metadata()).containsExactly(Map.entry("format", "pt"));
    assertThat(Tensors.toDoubles(Objects.requireNonNull(contents.tensors().get("x"))))
        .containsExactly(7, 8, 9);
  }

  /** Sums that another program kept while it changed something are not believed. */
  @Test
  void sumsThatAreIncompleteAreRefused() throws IOException {
    Path file = folder.resolve("rewritten.safetensors");
    for (String sums :
        List.of(
            "\"bevel.crc32c\":\"00000000\"",
            "\"bevel.crc32c\": \"00000000\"",
            "\"bevel.crc32c.x\":\"00000000\"")) {
      writeForeign(
          file,
          "{\"__metadata__\":{"
              + sums
              + "},\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
          7);
      assertThatThrownBy(() -> SafeTensors.read(file))
          .hasMessageStartingWith(file + ": damaged: its header is not as it was written");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[] | its header must be a JSON object",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | not valid JSON: Duplicate field",
        "{\"x\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}} | unknown dtype 'F31'",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}} | must have 12 bytes, got 8",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}} | must have a shape",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}} | must have a shape",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}} | impossible shape",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[0,4611686018427387904,4],\"data_offsets\":[0,0]}} | impossible shape",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}} | must have data_offsets",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}} | must have data_offsets",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}} | must begin at byte 0",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}} | must begin at byte 8",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} | its tensors have 4 bytes, the file holds 8",
        "{\"__metadata__\":{\"a\":1},\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | must be a text",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[[[[[[[[[[2]]]]]]]]]],\"data_offsets\":[0,8]}} | not valid JSON",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} {} | not valid JSON",
        "{\"x\":3} | must have dtype, shape and data_offsets",
      })
  void hostileHeadersAreRefused(String header, String message) throws IOException {
    Path file = folder.resolve("hostile.safetensors");
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(16 + json.length).order(ByteOrder.LITTLE_ENDIAN);
    Files.write(file, bytes.putLong(json.length).put(json).array());
    assertThatThrownBy(() -> SafeTensors.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": not a safetensors file: ")
        .hasMessageContaining(message);
  }

  /** The format is UTF-8: what a parser would guess otherwise is not read, nor what is no UTF-8. */
  @Test
  void headersAreUtf8() throws IOException {
    Path file = folder.resolve("encoded.safetensors");
    String header =
        "{\"__metadata__\":{\"a\":\"\u00e4\"},\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}";
    writeForeign(file, header);
    assertThat(SafeTensors.readMetadata(file)).containsExactly(Map.entry("a", "\u00e4"));
    for (String charset :
        List.of("UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32", "UTF-32LE", "UTF-32BE", "ISO-8859-1")) {
      byte[] json = header.getBytes(Charset.forName(charset));
      ByteBuffer bytes = ByteBuffer.allocate(8 + json.length).order(ByteOrder.LITTLE_ENDIAN);
      Files.write(file, bytes.putLong(json.length).put(json).array());
      assertThatThrownBy(() -> SafeTensors.readMetadata(file))
          .as(charset)
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith(file + ": not a safetensors file: its header ");
    }
  }

  @Test
  void bytesThatAreNoBooleansAreRefused() throws IOException {
    Path file = folder.resolve("bool.safetensors");
    writeForeign(
        file,
        "{\"__metadata__\":{\"a\":\"b\"},\"mask\":{\"dtype\":\"BOOL\",\"shape\":[4],\"data_offsets\":[0,4]}}",
        0,
        1,
        2,
        0);
    assertThatThrownBy(() -> SafeTensors.read(file))
        .isInstanceOf(IOException.class)
        .hasMessage(
            file
                + ": not a safetensors file: tensor 'mask' of dtype BOOL holds the byte 2, expected 0 or 1");
    assertThat(SafeTensors.read(file, name -> false).tensors()).isEmpty();
    assertThat(SafeTensors.readMetadata(file)).containsExactly(Map.entry("a", "b"));
  }

  @Test
  void messagesStayShortAndOnOneLine() throws IOException {
    Path file = folder.resolve("long.safetensors");
    String name = "line\\n" + "x".repeat(10_000);
    String sizes = "1,".repeat(5_000) + "1";
    byte[] json =
        String.format(
                Locale.ROOT,
                "{\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[0,8]}}",
                name,
                sizes)
            .getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(16 + json.length).order(ByteOrder.LITTLE_ENDIAN);
    Files.write(file, bytes.putLong(json.length).put(json).array());
    assertThatThrownBy(() -> SafeTensors.read(file))
        .hasMessageContaining("tensor 'line\\u000axxx")
        .hasMessageContaining("must have a shape of at most 16 sizes")
        .message()
        .doesNotContain("\n")
        .hasSizeLessThan(400 + file.toString().length());
  }

  @Test
  void partsOfAFileCanBeRead() throws IOException {
    Path file = folder.resolve("deeper/still/parts.safetensors");
    SafeTensors.write(
        file,
        Map.of("a", Tensors.of(new double[] {1, 2}, 2), "b", Tensors.of(new double[] {3}, 1)),
        Map.of("step", "3"));
    SafeTensors.Contents part = SafeTensors.read(file, "b"::equals);
    assertThat(part.tensors()).containsOnlyKeys("b");
    assertThat(Tensors.toDoubles(Objects.requireNonNull(part.tensors().get("b"))))
        .containsExactly(3);
    assertThat(SafeTensors.readMetadata(file)).isEqualTo(part.metadata()).hasSize(1);
  }

  @Test
  void filesHaveTheUsualPermissions() throws IOException {
    assumeTrue(
        folder.getFileSystem().supportedFileAttributeViews().contains("posix"),
        "skipped: the file system has no POSIX permissions");
    Path usual = Files.createFile(folder.resolve("usual"));
    Path file = folder.resolve("a.safetensors");
    SafeTensors.write(file, Map.of("x", torch.ones(3)), Map.of());
    assertThat(Files.getPosixFilePermissions(file)).isEqualTo(Files.getPosixFilePermissions(usual));
  }

  @Test
  void hugeHeaderLengthIsRefused() throws IOException {
    Path file = folder.resolve("huge.safetensors");
    for (long length : new long[] {-1, Long.MAX_VALUE, 1L << 40, 0, 9}) {
      Files.write(
          file, ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array());
      assertThatThrownBy(() -> SafeTensors.read(file))
          .hasMessageContaining("header's length must be from 2 to 8");
    }
  }

  @Test
  void missingFileIsNamed() {
    Path file = folder.resolve("nothing.safetensors");
    assertThatThrownBy(() -> SafeTensors.read(file))
        .hasMessage("checkpoint file " + file + " does not exist");
  }
}
