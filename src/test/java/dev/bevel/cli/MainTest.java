package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.ImageEncoder;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.TrainingHistory;
import dev.bevel.testing.JavaProcess;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.io.SafeTensors;
import dev.bevel.torch.model.DetectorConfig;
import dev.bevel.torch.train.Checkpoint;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The whole command on a made-up data set: what it writes, and what it says of things that are
 * wrong.
 */
class MainTest extends CommandTestCase {
  @Test
  void doctorTellsWhatThereIs() {
    assertThat(run("doctor")).as(printed).isZero();
    assertThat(printed)
        .contains("JDK", "LibTorch      2.", "kernels", "CUDA ", "lift_splat pools")
        .contains(System.getProperty("java.version"))
        .contains("the CPU path works");
  }

  @Test
  void trainsResumesAndDetects() throws IOException {
    assertThat(train("2")).as(error).isZero();
    assertThat(printed).contains("small: 2 steps on 2 samples, 2 in all");
    assertThat(train("3", "--resume", checkpoint().toString())).as(error).isZero();
    assertThat(printed).contains("small: 1 step on 2 samples, 3 in all");
    byte[] resumed = Files.readAllBytes(checkpoint());
    assertThat(train("3", "--overwrite")).as(error).isZero();
    assertThat(Files.readAllBytes(checkpoint())).isEqualTo(resumed);

    assertThat(detect(checkpoint())).as(error).isZero();
    JsonNode results =
        new ObjectMapper().readTree(out.resolve("results_nusc.json").toFile()).get("results");
    NuScenes set = NuScenes.load(data);
    assertThat(results.properties())
        .extracting(Map.Entry::getKey)
        .containsExactlyInAnyOrder(
            set.samples().stream()
                .filter(s -> hasImages(DetectionSample.of(set, s)))
                .map(s -> s.token())
                .toArray(String[]::new))
        .hasSize(2);
    for (String name : new String[] {"bev.png", "cameras.png"}) {
      assertThat(ImageIO.read(out.resolve(name).toFile())).as(name).isNotNull();
      for (Map.Entry<String, JsonNode> sample : results.properties()) {
        assertThat(out.resolve("pictures").resolve(sample.getKey()).resolve(name)).isRegularFile();
      }
    }
    assertThat(drivable()).as("there is no mask yet").isZero();
    writeMask(set);
    assertThat(detect(checkpoint(), "--overwrite")).as(error).isZero();
    assertThat(drivable()).as("the ground of the map").isGreaterThan(10_000);
  }

  private int drivable() throws IOException {
    BufferedImage above = ImageIO.read(out.resolve("bev.png").toFile());
    int count = 0;
    for (int i = 0; i < 1400 * 1400; i++) {
      count += (above.getRGB(i % 1400, i / 1400) & 0xffffff) == 0xdde2e9 ? 1 : 0;
    }
    return count;
  }

  /** A town where all ground can be driven on. */
  private void writeMask(NuScenes set) throws IOException {
    DetectionSample sample = DetectionSample.of(set, set.samples().iterator().next());
    int side = 1000 + (int) (10 * Math.max(sample.egoToGlobal().tx(), sample.egoToGlobal().ty()));
    BufferedImage mask = new BufferedImage(side, side, BufferedImage.TYPE_BYTE_GRAY);
    Arrays.fill(((DataBufferByte) mask.getRaster().getDataBuffer()).getData(), (byte) 255);
    Files.createDirectories(data.resolve("maps"));
    Files.write(data.resolve("maps/none.png"), ImageEncoder.png(mask));
  }

  @Test
  void aFileOfAnotherKindIsCalledWhatItIs() throws IOException {
    Path pth = folder.resolve("epoch_24.pth");
    byte[] zip =
        "PK\3\4........................archive/data.pkl....".getBytes(StandardCharsets.UTF_8);
    Files.write(pth, Arrays.copyOf(zip, 2000));
    String[] words = {"epoch_24.pth", "PyTorch checkpoint", "must be a safetensors checkpoint"};
    assertRefused(detect(pth), 1, words);
    assertRefused(train("2", "--resume", pth.toString()), 1, words);
    byte[] pickle = {(byte) 0x80, 2, (byte) 0x8a, 10, 0x6c, (byte) 0xfc, (byte) 0x9c, 0x46, 1, 2};
    Files.write(pth, Arrays.copyOf(pickle, 500));
    assertRefused(detect(pth), 1, "epoch_24.pth", "Python pickle", "safetensors.torch.save_file");
    assertRefused(
        run("parity", "--fixture", pth.toString()), 1, "not a detector fixture", "pickle");
    Files.writeString(pth, "weights: none\n");
    assertRefused(detect(pth), 1, "epoch_24.pth", "a text file");
    assertRefused(detect(folder), 1, "is a folder, must be a file");
    assertRefused(detect(folder.resolve("none")), 1, "none does not exist");
  }

  /** The made-up set has one scene; of two splits one has it. */
  private void writeSplits() throws IOException {
    String scene = NuScenes.load(data).scenes().iterator().next().name();
    Files.writeString(
        data.resolve("v1.0-mini/splits.json"),
        String.format(
            Locale.ROOT, "{\"own_train\": [\"%s\"], \"own_val\": [\"scene-9999\"]}", scene));
  }

  @Test
  void aRunFolderTellsWhatWasTrainedAndHowItWent() throws IOException {
    writeSplits();
    String[] split = {"--version", "v1.0-mini", "--split", "own_train"};
    assertThat(train("3", split)).as(error).isZero();
    RunFolder run = new RunFolder(out);
    assertThat(run.training())
        .contains(new RunFolder.Training("small", data, "v1.0-mini", "own_train", 3, 0));
    TrainingHistory history = TrainingHistory.read(run.history());
    assertThat(history.terms()).containsExactly("heatmap", "box", "depth");
    assertThat(history.column("step")).containsExactly(1, 2, 3);
    assertThat(history.column("seconds")).isSorted();
    assertThat(history.column("learning_rate")).containsOnly(0.002);
    for (double[] row : history.rows()) {
      assertThat(row[3]).isCloseTo(row[4] + row[5] + row[6], within(1e-5 * row[3]));
    }
    assertThat(detect(checkpoint(), "--split", "own_train")).as(error).isZero();
    assertThat(
            run(
                "eval",
                "--data",
                data.toString(),
                "--split",
                "own_train",
                "--results",
                run.results().toString(),
                "--out",
                out.toString()))
        .as("the made-up set has samples without images")
        .isEqualTo(1);
    assertThat(run.training()).isPresent();
  }

  @Test
  void historyIsCutBackToTheCheckpointThatATrainingGoesOnFrom() throws IOException {
    assertThat(train("2")).as(error).isZero();
    Path two = folder.resolve("two.safetensors");
    Files.copy(checkpoint(), two);
    assertThat(train("4", "--resume", checkpoint().toString())).as(error).isZero();
    RunFolder run = new RunFolder(out);
    TrainingHistory straight = TrainingHistory.read(run.history());
    assertThat(straight.column("step")).containsExactly(1, 2, 3, 4);
    double[] seconds = straight.column("seconds");
    assertThat(seconds).isSorted();

    Files.copy(two, checkpoint(), StandardCopyOption.REPLACE_EXISTING);
    assertThat(train("3", "--resume", checkpoint().toString())).as(error).isZero();
    TrainingHistory again = TrainingHistory.read(run.history());
    assertThat(again.column("step")).containsExactly(1, 2, 3);
    assertThat(again.column("loss")).containsExactly(Arrays.copyOf(straight.column("loss"), 3));
    assertThat(again.column("seconds")).startsWith(seconds[0], seconds[1]);
    assertThat(run.training().orElseThrow().steps()).isEqualTo(3);

    // Of a checkpoint without its history only the steps from then on are known.
    assertThat(train("3", "--resume", two.toString(), "--overwrite")).as(error).isZero();
    assertThat(TrainingHistory.read(run.history()).column("step")).containsExactly(3);
    // From the beginning: nothing is left of the earlier training.
    assertThat(train("1", "--overwrite")).as(error).isZero();
    assertThat(TrainingHistory.read(run.history()).column("step")).containsExactly(1);
  }

  @Test
  void splitsAreValidated() throws IOException {
    writeSplits();
    assertRefused(train("1", "--split", "val"), 1, "split val needs a version that ends in");
    assertRefused(train("1", "--split", "nonsense"), 1, "no split 'nonsense'", "own_val");
    assertRefused(
        train("1", "--split", "own_val"), 1, "v1.0-mini", "has no sample of the 1 scene asked");
    assertRefused(train("1", "--version", "v1.0-test"), 1, "v1.0-test");
    assertThat(out).doesNotExist();
  }

  @Test
  void picturesAreDrawnOfAsManySamplesAsAskedFor() throws IOException {
    for (int count = 1; count < 12; count++) {
      for (int wanted = 0; wanted < 14; wanted++) {
        int drawn = 0;
        for (int i = 0; i < count; i++) {
          drawn += DetectionPictures.isDrawn(i, count, wanted) ? 1 : 0;
        }
        assertThat(drawn).isEqualTo(Math.min(count, wanted));
        assertThat(DetectionPictures.isDrawn(0, count, wanted)).isEqualTo(wanted > 0);
      }
    }
    assertThat(train("1")).as(error).isZero();
    assertThat(detect(checkpoint(), "--pictures", "0")).as(error).isZero();
    assertThat(printed).contains("results_nusc.json: 2 samples");
    try (Stream<Path> files = Files.walk(out)) {
      assertThat(files).noneMatch(f -> f.toString().endsWith(".png"));
    }
    assertThat(detect(checkpoint(), "--pictures", "1", "--overwrite")).as(error).isZero();
    try (Stream<Path> files = Files.walk(out)) {
      assertThat(files.filter(f -> f.toString().endsWith("cameras.png"))).hasSize(2);
    }
    assertThat(detect(checkpoint(), "--pictures", "-1")).isEqualTo(2);
  }

  /** A process of its own, for only a process can be told to end. */
  @Test
  void aTrainingToldToEndFinishesItsStepAndWritesItsCheckpoint()
      throws IOException, InterruptedException {
    List<String> command =
        JavaProcess.command(
            Main.class,
            List.of("-XX:ErrorFile=" + folder.resolve("crash.log")),
            List.of(
                "train",
                "--config",
                config.toString(),
                "--data",
                data.toString(),
                "--steps",
                "1000000",
                "--save-every",
                "1",
                "--out",
                out.toString()));
    Path log = folder.resolve("train.log");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      while (process.isAlive() && !Files.exists(checkpoint())) {
        Thread.sleep(50);
      }
      process.destroy(); // SIGTERM
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    String told = Files.readString(log);
    assertThat(process.exitValue()).as(told).isEqualTo(128 + 15);
    assertThat(folder.resolve("crash.log")).as(told).doesNotExist();
    assertThat(told).contains("1000000").contains("small: ").doesNotContain("SIGSEGV");
    assertThat(Checkpoint.read(checkpoint()).step()).isPositive();
  }

  private static boolean hasImages(DetectionSample sample) {
    return sample.cameras().stream().allMatch(c -> Files.isRegularFile(c.image()));
  }

  @Test
  void badCommandLinesAreRefused() {
    assertRefused(train("1", "--nonsense"), 2, "--nonsense");
    assertRefused(run("fly"), 2, "fly");
    assertRefused(run("train", "--config", "x"), 2, "--data");
    assertRefused(train("many"), 2, "'--steps': must be a whole number", "got 'many'");
  }

  /** Before anything is done, whatever else the line has or lacks. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "train --steps|0,-1,4503599627370497|a whole number from 1 to 4503599627370496",
        "train --save-every|0,-5|a whole number from 1 to 4503599627370496",
        "detect --score-threshold|7,-0.1,1,NaN,Infinity|a number from 0 to below 1",
        "detect --draw-threshold|7,-0.1,NaN|a number from 0 to 1",
        "detect --pictures|-1|a whole number from 0 to 2147483647",
        "render --score-threshold|7,-1,1.0001,NaN|a number from 0 to 1",
        "validate --threads|0,-3,5000|a whole number from 1 to 4096",
        "simulate --threads|0,5000|a whole number from 1 to 4096",
        "simulate --traffic|heavy,SPARSE DENSE|sparse or dense",
        "bench --seconds|NaN,Infinity|a number, such as 0.25",
        "train --seed|9223372036854775808|a whole number of at most 18 digits",
      })
  void optionsHaveRanges(String option, String values, String expected) {
    for (String bad : values.split(",")) {
      List<String> line = new ArrayList<>(List.of(option.split(" ")));
      String name = line.getLast();
      line.add(bad);
      assertRefused(
          run(line.toArray(String[]::new)),
          2,
          "Invalid value for option '" + name + "'",
          "must be " + expected,
          "got '" + bad + "'");
    }
  }

  /** Of every command: our words, and what there is. */
  @Test
  void badLinesAreToldInOurWords() {
    String[] words = {"Unmatched", "Unknown option", "Missing required", "Expected parameter"};
    for (CommandLine command : commands(Main.commandLine())) {
      List<String> name =
          List.of((command.getCommandSpec().qualifiedName() + " ").substring(6).strip().split(" "));
      String joined = String.join(" ", name);
      List<List<String>> lines = new ArrayList<>(List.of(List.of("--nonsense"), List.of("x", "y")));
      for (OptionSpec option : command.getCommandSpec().options()) {
        if (option.arity().min() > 0) {
          lines.add(List.of(option.longestName()));
        }
      }
      for (List<String> line : lines) {
        List<String> all = new ArrayList<>(joined.isEmpty() ? List.of() : name);
        all.addAll(line);
        assertThat(run(all.toArray(String[]::new))).as("%s", all).isEqualTo(2);
        assertThat(error).as("%s", all).startsWith("bevel: ").doesNotContain(words);
      }
    }
    assertRefused(run("train", "--nonsense"), 2, "bevel train has no option '--nonsense'; it has ");
    assertThat(error).contains("--config", "--resume");
    assertRefused(train("1", "--nonsense"), 2, "bevel train has no option '--nonsense'; it has ");
    assertRefused(run("train", "x"), 2, "bevel train takes no argument 'x', only options");
    assertRefused(run("fly"), 2, "there is no command 'fly'; there are doctor, demo, train");
    assertRefused(run("train", "--config", "c"), 2, "options are missing: --data DIR, --");
    assertRefused(run("train", "--config"), 2, "the option --config needs a value, NAME|FILE");
    assertRefused(
        run("train", "--steps", "1", "--steps", "2"), 2, "option --steps is given twice, it may");
  }

  /** Of every command and option with a path: an empty one would be the current folder. */
  @Test
  void emptyPathsAreRefused() {
    int paths = 0;
    for (CommandLine command : commands(Main.commandLine())) {
      for (OptionSpec option : command.getCommandSpec().options()) {
        if (option.type() == Path.class) {
          paths++;
          List<String> line =
              new ArrayList<>(
                  List.of(command.getCommandSpec().qualifiedName().substring(6).split(" ")));
          line.addAll(List.of(option.longestName(), ""));
          assertRefused(
              run(line.toArray(String[]::new)), 2, option.longestName(), "must be a path, got ''");
        }
      }
    }
    assertThat(paths).isGreaterThan(15);
    assertRefused(run("validate", "--data", data.toString(), "--version", ""), 2, "--version must");
    assertRefused(train("1", "--version", " "), 2, "--version must name a folder of tables");
  }

  @Test
  void everyCommandTellsItsVersion() {
    for (CommandLine command : commands(Main.commandLine())) {
      List<String> line =
          new ArrayList<>(
              List.of(
                  (command.getCommandSpec().qualifiedName() + " ")
                      .substring(6)
                      .strip()
                      .split(" ")));
      line.removeIf(String::isEmpty);
      line.add("-V");
      assertThat(run(line.toArray(String[]::new))).as("%s", line).isZero();
      assertThat(printed).as("%s", line).isEqualToNormalizingNewlines("bevel 0.1.0\n");
    }
    assertThat(run("--version")).isZero();
    assertThat(printed).startsWith("bevel 0.1.0");
  }

  /** Of every command and option, found by its type. */
  @Test
  void whatIsNoNumberIsToldInWords() {
    int options = 0;
    for (CommandLine command : commands(Main.commandLine())) {
      for (OptionSpec option : command.getCommandSpec().options()) {
        Class<?> type =
            option.auxiliaryTypes().length > 0 ? option.auxiliaryTypes()[0] : option.type();
        boolean whole = List.of(int.class, Integer.class, long.class, Long.class).contains(type);
        if (!whole && type != double.class) {
          continue;
        }
        options++;
        for (String bad : List.of("abc", "", "1.5x", "99999999999999999999x")) {
          List<String> line =
              new ArrayList<>(
                  List.of(command.getCommandSpec().qualifiedName().split(" ")).subList(1, 2));
          if (command.getParent().getParent() != null) {
            line.add(command.getCommandName());
          }
          line.addAll(List.of(option.longestName(), bad));
          String told = String.join(" ", line);
          assertThat(run(line.toArray(String[]::new))).as(told).isEqualTo(2);
          assertThat(error)
              .as(told)
              .startsWith("bevel: Invalid value for option '" + option.longestName() + "'")
              .contains(whole ? "must be a whole number " : "must be a number", "got '" + bad)
              .doesNotContain(" int", "long", "double", "Integer", "java.")
              .contains("\nTry 'bevel ");
        }
      }
    }
    assertThat(options).isGreaterThan(15);
    assertThat(train(" 99999999999 ", "--nonsense")).isEqualTo(2);
    assertThat(error).contains("--nonsense").doesNotContain("must be a whole number");
    assertRefused(run("validate", "--data", "x", "--threads", "2147483648"), 2, "from 1 to 4096");
  }

  private static List<CommandLine> commands(CommandLine command) {
    List<CommandLine> all = new ArrayList<>(List.of(command));
    command.getSubcommands().values().forEach(each -> all.addAll(commands(each)));
    return all;
  }

  @Test
  void helpIsACommandAndEveryBadLineNamesIt() {
    assertThat(run("help")).isZero();
    assertThat(printed).contains("Usage: bevel ", "train", "doctor", "help");
    for (String name : Main.commandLine().getSubcommands().keySet()) {
      assertThat(run("help", name)).as(name).isZero();
      assertThat(printed).as(name).contains("Usage: bevel " + name);
      if (!name.equals("help")) {
        assertRefused(run(name, "--nonsense"), 2, "\nTry 'bevel help " + name + "' for what");
      }
    }
    assertRefused(run("help", "fly"), 2, "no command 'fly'; there are doctor, demo");
    assertRefused(run("help", "train", "fly"), 2, "no command 'fly'");
    assertThat(run("help", "train", "detect")).isZero();
    assertThat(printed).contains("Usage: bevel train ", "Usage: bevel detect ");
    assertThat(run("help", "bench", "tables")).isZero();
    assertThat(printed)
        .contains("Usage: bevel bench tables ")
        .doesNotContain("Usage: bevel bench [");
    assertThat(run("help", "train")).isZero();
    assertThat(printed.replaceAll("\\s+", " ")).contains(String.join(", ", DetectorConfig.NAMES));
    assertRefused(run("fly"), 2, "\nTry 'bevel help' for what");
    assertRefused(run("bench", "tables", "--seed", "x"), 2, "\nTry 'bevel help bench tables'");
    for (String[] outOfRange :
        new String[][] {
          {"--scenes", "0"},
          {"--scenes", "1", "--seconds", "601"},
          {"--scenes", "1", "--lidar-sweeps", "10"},
          {"--scenes", "1", "--camera-sweeps", "6"},
          {"--scenes", "1", "--image-size", "1x1"}
        }) {
      String[] line =
          Stream.concat(Stream.of("simulate", "--out", out.toString()), Arrays.stream(outOfRange))
              .toArray(String[]::new);
      assertRefused(run(line), 2, "must be in ", "\nTry 'bevel help simulate'");
    }
    assertThat(out).doesNotExist();
  }

  @Test
  void missingThingsAreNamed() {
    Path real = config;
    config = folder.resolve("nowhere.yaml");
    assertRefused(
        train("1"), 1, "nowhere.yaml", "as a file it does not exist", "bevdepth-r18-128x352");
    config = real;
    assertRefused(train("1", "--resume", "gone.safetensors"), 1, "gone.safetensors");
    assertRefused(detect(folder.resolve("gone.safetensors")), 1, "gone.safetensors does not exist");
    out = config;
    assertRefused(train("1"), 2, "--out must be a folder", config + " is a file, must be a folder");
    out = folder.resolve("out");
    data = folder.resolve("emptiness");
    assertRefused(train("1"), 1, "emptiness", "does not exist");
    assertThat(out)
        .satisfiesAnyOf(o -> assertThat(o).doesNotExist(), o -> assertThat(o).isEmptyDirectory());
  }

  @Test
  void damagedFilesAreNamed() throws IOException {
    Path image = sensorFile("CAM_FRONT", ".jpg");
    byte[] jpeg = Files.readAllBytes(image);
    Files.write(image, Arrays.copyOf(jpeg, jpeg.length / 2));
    assertRefused(train("2"), 1, image.getFileName().toString());
    Files.write(image, jpeg);
    out = folder.resolve("other");

    Path sweep = sensorFile("LIDAR_TOP", ".bin");
    byte[] points = Files.readAllBytes(sweep);
    Files.write(sweep, Arrays.copyOf(points, points.length - 3));
    assertRefused(train("2"), 1, sweep.getFileName().toString(), "20-byte points");
    Files.write(sweep, points);

    Path table = data.resolve("v1.0-mini/sample_annotation.json");
    String json = Files.readString(table);
    Files.writeString(table, json.substring(0, json.length() / 2));
    assertRefused(train("1"), 1, "sample_annotation");
    Files.writeString(table, json);

    Files.writeString(config, "name: [unclosed");
    assertRefused(train("1"), 1, "small.yaml", "not valid YAML");
    assertThat(checkpoint()).doesNotExist();
  }

  @Test
  @SuppressWarnings("try") // the scope is there to be closed
  void checkpointsThatDoNotFitAreNamed() throws IOException {
    assertThat(train("1")).as(error).isZero();
    Path wrong = folder.resolve("wrong.safetensors");
    try (TensorScope scope = TensorScope.open()) {
      SafeTensors.Contents contents = SafeTensors.read(checkpoint());
      Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
      String name = "average.model.head.shared_conv.conv.weight";
      assertThat(tensors).containsKey(name);
      tensors.put(name, torch.ones(3));
      SafeTensors.write(wrong, tensors, contents.metadata());
    }
    assertRefused(detect(wrong), 1, "wrong.safetensors", "shared_conv.conv.weight", "got [3]");

    byte[] bytes = Files.readAllBytes(checkpoint());
    Files.write(wrong, Arrays.copyOf(bytes, 1000));
    assertRefused(detect(wrong), 1, "wrong.safetensors", "safetensors file");
    assertThat(out.resolve("results_nusc.json")).doesNotExist();
    assertRefused(train("2", "--seed", "5", "--resume", checkpoint().toString()), 1, "seed 0");
  }

  @Test
  void debugShowsWhereAFailureCameFrom() {
    assertThat(
            run("detect", "--debug", "--checkpoint", "x", "--data", data.toString(), "--out", "y"))
        .isEqualTo(1);
    assertThat(error).startsWith("bevel: ").contains("\tat dev.bevel");
  }

  @Test
  void sentencesAreOneLine() {
    assertThat(Main.sentence(new IllegalStateException("first\n  second\r\nthird")))
        .isEqualTo("first second third");
    assertThat(Main.sentence(new java.nio.file.NoSuchFileException("a.txt")))
        .isEqualTo("a.txt: no such file");
    assertThat(Main.sentence(new java.nio.file.AccessDeniedException("a.txt")))
        .isEqualTo("a.txt: permission denied");
    assertThat(Main.sentence(new OutOfMemoryError("Java heap space")))
        .startsWith("out of memory: Java heap space; it has ")
        .contains(" MiB, the environment's BEVEL_HEAP ");
    IllegalStateException reason = new IllegalStateException("LibTorch needs native access");
    assertThat(Main.sentence(new ExceptionInInitializerError(reason)))
        .isEqualTo("LibTorch needs native access");
    assertThat(Main.sentence(new NoClassDefFoundError("org/bytedeco/pytorch/Tensor")))
        .isEqualTo("the class org.bytedeco.pytorch.Tensor is not on the class path");
    Error noLibrary = new UnsatisfiedLinkError("no jnicudart in java.library.path: /lib");
    assertThat(Main.sentence(noLibrary)).isEqualTo(noLibrary.getMessage());
    noLibrary.initCause(new UnsatisfiedLinkError("libcudart.so.13: file too short"));
    assertThat(Main.sentence(noLibrary))
        .isEqualTo("no jnicudart in java.library.path: /lib (libcudart.so.13: file too short)");
    assertThat(Main.sentence(new NullPointerException()))
        .isEqualTo("java.lang.NullPointerException");
  }
}
