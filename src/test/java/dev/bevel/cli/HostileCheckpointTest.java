package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bevel.nuscenes.Printable;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.io.SafeTensors;
import dev.bevel.torch.model.ConfigException;
import dev.bevel.torch.nn.LoadReport;
import dev.bevel.torch.train.Checkpoint;
import dev.bevel.torch.train.CheckpointException;
import dev.bevel.torch.train.DetectorInference;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

/**
 * Text of checkpoints reaches terminals and logs as text: nothing in it moves a cursor, begins a
 * line, turns the direction of writing or fills the screen.
 */
@SuppressWarnings("try") // scopes are there to be closed
class HostileCheckpointTest extends CommandTestCase {
  private static final int LONGEST_MESSAGE = 2001;

  private static final List<String> HOSTILE =
      List.of(
          "\u001b[2J\u001b]0;owned\u0007",
          "a\nbevel: all is well\r",
          "\u202egnp.exe\u202c\u2066x\u2069",
          "\u009b31m",
          "line\u2028paragraph\u2029end",
          "\0",
          "x".repeat(10_000));

  /** A change of a checkpoint's tensors and metadata. */
  private interface Change {
    void make(Map<String, Tensor> tensors, Map<String, String> metadata);
  }

  private Path changed(Path checkpoint, Change change) throws IOException {
    Path file = folder.resolve("hostile.safetensors");
    try (TensorScope scope = TensorScope.open()) {
      SafeTensors.Contents contents = SafeTensors.read(checkpoint);
      Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
      Map<String, String> metadata = new LinkedHashMap<>(contents.metadata());
      change.make(tensors, metadata);
      SafeTensors.write(file, tensors, metadata);
    }
    return file;
  }

  private void assertPrintable(String what, String text) {
    assertThat(text).as(what).isEqualTo(Printable.of(text, LONGEST_MESSAGE));
  }

  private void assertTold(String what, Throwable failure) {
    assertThat(failure)
        .as(what)
        .isInstanceOfAny(CheckpointException.class, ConfigException.class, IOException.class);
    assertPrintable(what, String.valueOf(failure.getMessage()));
  }

  /** By the library's readers, and by the commands. */
  private void assertRefusedInPlainText(String what, Path file) throws IOException {
    assertTold(what, catchThrowable(() -> DetectorInference.load(file).close()));
    assertThat(detect(file)).as(what).isEqualTo(1);
    assertPlain(what);
    assertThat(resume(file)).as(what).isEqualTo(1);
    assertPlain(what);
  }

  private void assertPlain(String what) {
    assertThat(error).as(what).startsWith("bevel: ");
    assertThat(error.lines().count()).as(error).isLessThanOrEqualTo(2);
    error.lines().forEach(line -> assertPrintable(what, line));
    printed.lines().forEach(line -> assertPrintable(what, line));
  }

  private int resume(Path file) {
    Path before = out;
    out = folder.resolve("resumed");
    int status = train("3", "--resume", file.toString());
    out = before;
    return status;
  }

  @Test
  void namesMetadataAndTypesAreShownAsText() throws IOException {
    assertThat(train("1")).as(error).isZero();
    Path good = checkpoint();
    out = folder.resolve("detected");
    for (String text : HOSTILE) {
      String name = Printable.of(text, 30);
      assertRefusedInPlainText(
          "another tensor " + name,
          changed(
              good,
              (tensors, metadata) -> {
                tensors.put(text, torch.ones(3));
                tensors.put("average." + text, torch.ones(3));
              }));
      assertRefusedInPlainText(
          "a tensor that is no number " + name,
          changed(
              good,
              (tensors, metadata) ->
                  tensors.put("average." + text, torch.ones(3).fill_(new Scalar(Double.NaN)))));
      for (String key : List.of("bevel.step", "bevel.seed", "bevel.box_convention")) {
        assertRefusedInPlainText(
            key + " " + name, changed(good, (tensors, metadata) -> metadata.put(key, text)));
      }
      String yaml = Files.readString(config);
      for (String hostile :
          List.of(
              text,
              yaml + "\"" + quoted(text) + "\": 1\n",
              yaml.replace("name: small", "name: \"" + quoted(text) + "\""),
              yaml.replace("family: bevdepth", "family: \"" + quoted(text) + "\""))) {
        assertRefusedInPlainText(
            "configuration " + name,
            changed(good, (tensors, metadata) -> metadata.put("bevel.config", hostile)));
      }
      Path otherData =
          changed(good, (tensors, metadata) -> metadata.put("bevel.data", "9 samples " + text));
      assertThat(resume(otherData)).as(name).isEqualTo(1);
      assertThat(error).contains("the training was on other data (9 samples ");
      assertPlain("data " + name);
      assertRefusedInPlainText("dtype " + name, header(text, "F32"));
      assertRefusedInPlainText("name of a damaged tensor " + name, header("F32", text));
    }
  }

  /** As YAML and JSON write it between quotes. */
  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder();
    text.chars().forEach(c -> quoted.append(String.format(Locale.ROOT, "\\u%04x", c)));
    return quoted.toString();
  }

  /** A file of another program, without checksums, with a tensor of some name and type. */
  private Path header(String dtype, String name) throws IOException {
    ObjectMapper json = new ObjectMapper();
    ObjectNode root = json.createObjectNode();
    ObjectNode tensor = root.putObject(name);
    tensor.put("dtype", dtype);
    tensor.putArray("shape").add(1);
    tensor.putArray("data_offsets").add(0).add(3);
    byte[] header = json.writeValueAsBytes(root);
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
    file.write(header);
    file.write(new byte[3]);
    Path path = folder.resolve("foreign.safetensors");
    Files.write(path, file.toByteArray());
    return path;
  }

  @Test
  void reportsOfLoadingAreShownAsText() {
    Map<String, long[]> module = new LinkedHashMap<>();
    Map<String, long[]> dictionary = new LinkedHashMap<>();
    for (String text : HOSTILE) {
      module.put("of another shape " + text, new long[] {1});
      dictionary.put("of another shape " + text, new long[] {2});
      dictionary.put("unexpected " + text, new long[] {2});
    }
    String told = LoadReport.compare(module, dictionary).toString();
    assertThat(told).contains("\\u001b[2J", "\\u202egnp.exe", "\\u009b31m");
    assertPrintable("a report", told);
  }

  @Test
  void metadataOfOnesOwnStaysAsItIs() throws IOException {
    assertThat(train("1")).as(error).isZero();
    Path file =
        changed(checkpoint(), (tensors, metadata) -> metadata.put("note", HOSTILE.getFirst()));
    assertThat(SafeTensors.readMetadata(file)).containsEntry("note", HOSTILE.getFirst());
    assertThat(Checkpoint.read(file).step()).isEqualTo(1);
  }
}
