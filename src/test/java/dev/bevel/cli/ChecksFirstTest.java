package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.Folders;
import dev.bevel.testing.SmallConfig;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.io.SafeTensors;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** What would end a long job in its middle, or make it worthless, is found before it begins. */
class ChecksFirstTest extends CommandTestCase {
  private List<Path> files(String channel) throws IOException {
    try (Stream<Path> files = Files.walk(data.resolve("samples").resolve(channel))) {
      return files.filter(Files::isRegularFile).sorted().toList();
    }
  }

  @Test
  void whatIsLeftOutIsTold() throws IOException {
    assertThat(train("1")).as(error).isZero();
    assertThat(printed)
        .contains("2 of 3 samples have all six camera images and the LiDAR sweep that depth")
        .contains("(1 lacks an image, 0 the sweep); the first file that is missing: ");
    Path sweep = files("LIDAR_TOP").getFirst();
    Files.delete(sweep);
    out = folder.resolve("less");
    assertThat(train("1")).as(error).isZero();
    assertThat(printed).contains("1 of 3 samples has", "(1 lacks an image, 1 the sweep)");
    assertThat(detect(checkpoint())).as(error).isZero();
    assertThat(printed).contains("2 of 3 samples have all six camera images; the first file");

    for (Path other : files("LIDAR_TOP")) {
      Files.delete(other);
    }
    out = folder.resolve("none");
    assertRefused(train("1"), 1, "none of 3 samples has", "(1 lacks an image, 2 the sweep)");
    Files.writeString(config, SmallConfig.yaml(1, "none").replace("depth: 3,", "depth: 0,"));
    assertThat(train("1")).as("depth is not supervised: " + error).isZero();
    assertThat(printed).contains("2 of 3 samples have all six camera images; ");
  }

  @Test
  void filesThatCannotBeWhatTheyAreForAreNamedBeforeTheFirstStep() throws IOException {
    Path image = files("CAM_BACK").getLast();
    Path sweep = files("LIDAR_TOP").getLast();
    byte[] jpeg = Files.readAllBytes(image);
    byte[] points = Files.readAllBytes(sweep);
    for (byte[] damaged :
        List.of(
            new byte[0],
            new byte[] {1},
            "GIF89a".getBytes(StandardCharsets.UTF_8),
            Arrays.copyOf(jpeg, 3),
            Arrays.copyOf(jpeg, jpeg.length / 2),
            Arrays.copyOf(jpeg, jpeg.length - 1),
            Arrays.copyOf(Arrays.copyOf(jpeg, jpeg.length / 2), jpeg.length))) {
      Files.write(image, damaged);
      assertRefused(train("1"), 1, "image " + image + " is ");
      assertThat(error).contains("of the 14 files needed, 1 is damaged", "bevel validate");
    }
    Files.write(image, Arrays.copyOf(jpeg, jpeg.length + 7)); // what follows the end is allowed
    assertThat(train("1", "--overwrite")).as(error).isZero();
    Folders.delete(out);
    Path other = files("CAM_FRONT").getFirst();
    byte[] otherJpeg = Files.readAllBytes(other);
    Files.write(image, Arrays.copyOf(jpeg, jpeg.length / 2));
    Files.write(other, Arrays.copyOf(otherJpeg, otherJpeg.length / 2));
    assertRefused(train("1"), 1, "is cut off", "of the 14 files needed, 2 are damaged");
    Files.write(other, otherJpeg);
    Files.write(image, jpeg);
    for (byte[] damaged : List.of(new byte[0], Arrays.copyOf(points, points.length - 3))) {
      Files.write(sweep, damaged);
      assertRefused(train("1"), 1, "LiDAR file " + sweep + " must hold", "20-byte points");
    }
    Files.write(sweep, points);
    assertThat(out).doesNotExist();
    assertThat(train("1")).as(error).isZero();

    Files.write(image, new byte[0]);
    assertRefused(detect(checkpoint()), 1, "image " + image + " is empty");
    Files.write(image, jpeg);
    Files.write(sweep, Arrays.copyOf(points, points.length - 3));
    assertRefused(detect(checkpoint()), 1, "LiDAR file " + sweep);
    assertThat(detect(checkpoint(), "--pictures", "0")).as("needs no LiDAR: " + error).isZero();
  }

  @Test
  void aSetWithoutAnnotationsIsNotTrainedOn() throws IOException {
    Path tables = data.resolve("v1.0-mini");
    Files.writeString(tables.resolve("sample_annotation.json"), "[]");
    Files.writeString(tables.resolve("instance.json"), "[]");
    assertRefused(train("1"), 1, "v1.0-mini", "has no annotations", "nothing to learn");
    assertThat(out).doesNotExist();
  }

  private int resume(Path checkpoint) {
    Path before = out;
    out = folder.resolve("resumed");
    int status = train("2", "--resume", checkpoint.toString());
    out = before;
    return status;
  }

  /** A checkpoint of a training whose weights ran away. */
  @Test
  @SuppressWarnings("try") // the scope is there to be closed
  void weightsThatAreNoNumbersAreRefused() throws IOException {
    assertThat(train("1")).as(error).isZero();
    String name = "model.head.shared_conv.conv.weight";
    for (String tensor : List.of(name, "average." + name, "optimizer.exp_avg." + name)) {
      for (double value : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
        Path bad = folder.resolve("bad.safetensors");
        try (TensorScope scope = TensorScope.open()) {
          SafeTensors.Contents contents = SafeTensors.read(checkpoint());
          Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
          assertThat(tensors).containsKey(tensor);
          Objects.requireNonNull(tensors.get(tensor))
              .view(-1)
              .narrow(0, 5, 1)
              .fill_(new Scalar(value));
          SafeTensors.write(bad, tensors, contents.metadata());
        }
        String[] parts = {bad + ": 1 of the ", " values of tensor " + tensor + " are not finite"};
        if (!tensor.startsWith("optimizer.")) {
          assertRefused(detect(bad), 1, parts);
        }
        assertRefused(resume(bad), 1, parts);
      }
    }
    assertThat(out.resolve("results_nusc.json")).doesNotExist();
  }

  /** Finite weights, and an output that is not: no street is so empty. */
  @Test
  @SuppressWarnings("try") // the scope is there to be closed
  void aNetworkThatOverflowsIsToldApartFromAnEmptyStreet() throws IOException {
    assertThat(train("1")).as(error).isZero();
    Path bad = folder.resolve("bad.safetensors");
    try (TensorScope scope = TensorScope.open()) {
      SafeTensors.Contents contents = SafeTensors.read(checkpoint());
      Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
      tensors.forEach(
          (name, tensor) -> {
            if (name.endsWith("head.shared_conv.conv.weight") && tensor.is_floating_point()) {
              tensor.fill_(new Scalar(3e38));
            }
          });
      SafeTensors.write(bad, tensors, contents.metadata());
    }
    assertRefused(detect(bad), 1, "numbers that are not finite", "the network overflows");
    assertThat(out.resolve("results_nusc.json")).doesNotExist();
  }

  /** A page of zeros in the middle, as a bad disk leaves it. */
  @Test
  void aDamagedCheckpointIsNeitherUsedNorTrainedOn() throws IOException {
    assertThat(train("1")).as(error).isZero();
    byte[] bytes = Files.readAllBytes(checkpoint());
    Path bad = folder.resolve("bad.safetensors");
    String average = "average.";
    for (int part = 1; part < 10; part++) {
      byte[] damaged = bytes.clone();
      int at = bytes.length / 10 * part;
      Arrays.fill(damaged, at, at + 4096, (byte) 0x55);
      Files.write(bad, damaged);
      assertRefused(resume(bad), 1, bad + ": damaged: tensor '", "is not as it was written");
      if (error.contains("'" + average)) {
        assertRefused(detect(bad), 1, bad + ": damaged: tensor '" + average);
        average = ""; // once is enough
      }
    }
    assertThat(out.resolve("results_nusc.json")).doesNotExist();
  }

  @Test
  void otherDataIsRefusedUnlessAskedFor() throws IOException {
    assertThat(train("1")).as(error).isZero();
    String one = checkpoint().toString();
    Path moved = folder.resolve("moved");
    Files.move(data, moved);
    data = moved;
    assertThat(train("2", "--resume", one)).as("a folder is no identity: " + error).isZero();

    Files.delete(files("CAM_FRONT").getFirst());
    assertRefused(
        train("3", "--resume", one),
        1,
        one + ": the training was on other data (2 samples",
        "1 samples",
        "--other-data");
    assertThat(train("3", "--resume", one, "--other-data")).as(error).isZero();
    assertThat(train("4", "--resume", one)).as("now these are its data: " + error).isZero();
  }

  @Test
  void aFolderOfTablesIsNotADataFolder() throws IOException {
    data = data.resolve("v1.0-mini");
    String fault = data + " is a folder of tables itself; give the one above it";
    assertRefused(train("1"), 1, fault);
    assertRefused(run("validate", "--data", data.toString()), 1, fault);
    assertRefused(run("validate", "--data", data.toString(), "--version", "v1.0-mini"), 1, fault);
    data = Files.createDirectory(folder.resolve("none"));
    assertRefused(train("1"), 1, "v1.0-mini", "v1.0-sim");
  }

  @Test
  void splitsOfTheDataSetAreTold() throws IOException {
    Path splits = data.resolve("v1.0-mini/splits.json");
    Files.writeString(splits, "{\"val\": [\"scene-0001\"], \"gone\": [\"scene-8\", \"scene-9\"]}");
    assertRefused(
        train("1", "--split", "val"),
        1,
        "split val needs a version that ends in trainval, got v1.0-mini; the official split val"
            + " hides that of the same name in "
            + splits);
    assertRefused(
        train("1", "--split", "gone"), 1, "no sample of the 2 scenes asked for, scene-8, scene-9");
    StringBuilder many = new StringBuilder("\"scene-0\"");
    for (int i = 1; i < 67; i++) {
      many.append(", \"nowhere-").append(i).append('"');
    }
    Files.writeString(splits, "{\"mine\": [" + many + "]}");
    assertThat(run("validate", "--data", data.toString(), "--lenient")).isEqualTo(1);
    long shown = printed.lines().filter(line -> line.startsWith("split: splits mine, ")).count();
    assertThat(shown).isEqualTo(50);
    assertThat(printed).containsPattern("split: splits: and 1[67] more of this kind");
  }

  @Test
  void aVersionIsTheNameOfAFolder() {
    for (String version : List.of("../data/v1.0-mini", "..", "a/b", data + "/v1.0-mini", " ")) {
      for (String command : List.of("validate", "eval")) {
        List<String> line =
            new ArrayList<>(List.of(command, "--data", data.toString(), "--version", version));
        if (command.equals("eval")) {
          line.addAll(List.of("--split", "mini_val", "--results", "none", "--out", "none"));
        }
        assertRefused(run(line.toArray(String[]::new)), 2, "--version must name a folder of");
      }
    }
  }

  /** Tokens name folders of pictures. */
  @Test
  void tokensCannotLeadOutOfTheFolder() throws IOException {
    assertThat(train("1")).as(error).isZero();
    Path escaped = folder.resolve("escaped");
    for (String token : List.of(escaped.toString(), "../escaped", "..", "a/b", "x".repeat(300))) {
      Path tables = data.resolve("v1.0-mini");
      Map<Path, String> before = new LinkedHashMap<>();
      try (Stream<Path> files = Files.list(tables)) {
        for (Path file : files.toList()) {
          String text = Files.readString(file);
          before.put(file, text);
          Files.writeString(file, text.replace("\"sample-0\"", "\"" + token + "\""));
        }
      }
      String[] words = {"sample.json", "field token must be a name that a file can have", ", got "};
      assertRefused(detect(checkpoint()), 1, words);
      assertRefused(detect(checkpoint(), "--pictures", "0"), 1, words);
      assertThat(run("validate", "--data", data.toString())).isEqualTo(1);
      assertThat(printed).contains("field: sample ", ", a name that a file can have, ");
      for (Map.Entry<Path, String> file : before.entrySet()) {
        Files.writeString(file.getKey(), file.getValue());
      }
    }
    assertThat(escaped).doesNotExist();
    assertThat(out.resolve("results_nusc.json")).doesNotExist();
  }
}
