package dev.bevel.cli;

import dev.bevel.nuscenes.TinyNuScenes;
import dev.bevel.testing.SmallConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Runs every command that prints figures or words, once for each locale. */
final class CommandSuite {
  private final Path folder;
  private final PrintWriter console;

  private CommandSuite(Path folder, PrintWriter console) {
    this.folder = folder;
    this.console = console;
  }

  /** The folder, the data set of the evaluation and the locales' tags; the first trains too. */
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Path evaluated = Path.of(arguments[1]);
    for (String tag : List.of(arguments).subList(2, arguments.length)) {
      Locale.setDefault(Locale.forLanguageTag(tag));
      Path own = Files.createDirectories(folder.resolve(tag));
      try (PrintWriter console =
          new PrintWriter(Files.newBufferedWriter(own.resolve("console.txt")))) {
        new CommandSuite(own, console).run(evaluated, tag.equals(arguments[2]));
      }
    }
  }

  private void run(Path evaluated, boolean withTraining) throws IOException {
    Path data = folder.resolve("data");
    TinyNuScenes set = new TinyNuScenes(data).write();
    set.writeSensorFiles(0, 10, 2, 0, 20, 1, 30, -3, 1, 9, 2);
    set.writeSensorFiles(2, 10, 2, 0, 20, 1, 30, -3, 1, 9, 2);
    Path config = folder.resolve("small.yaml");
    Files.writeString(config, SmallConfig.yaml(1, "none"));
    String run = folder.resolve("run").toString();
    String results = evaluated.resolve("results_nusc.json").toString();

    execute("--help");
    for (String command : Main.commandLine().getSubcommands().keySet()) {
      execute(command, "--help");
    }
    execute(
        "simulate --scenes 1 --seconds 1 --image-size 64x36 --lidar-sweeps 1 --out".split(" "),
        folder.resolve("simulated").toString());
    execute(
        "validate --data".split(" "),
        folder.resolve("simulated").toString(),
        "--json",
        folder.resolve("report.json").toString());
    execute("validate --lenient --data".split(" "), data.toString());
    if (withTraining) {
      train(data, config, run);
    }
    execute(
        "eval --version v1.0-mini --split mini_val --data".split(" "),
        evaluated.toString(),
        "--results",
        results,
        "--out",
        run);
    execute("report", "--run", run);
    execute("render --sample sample-0 --data".split(" "), data.toString(), "--out", run);
    execute("train", "--steps", "many");
    execute("bench", "--version");
  }

  private void train(Path data, Path config, String run) {
    execute(
        "train --steps 1 --config".split(" "),
        config.toString(),
        "--data",
        data.toString(),
        "--out",
        run);
    execute(
        "detect --score-threshold 0.01 --data".split(" "),
        data.toString(),
        "--checkpoint",
        run + "/last.safetensors",
        "--out",
        run);
  }

  private void execute(String[] first, String... more) {
    String[] all = new String[first.length + more.length];
    System.arraycopy(first, 0, all, 0, first.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    execute(all);
  }

  private void execute(String... arguments) {
    int status = Main.commandLine().setOut(console).setErr(console).execute(arguments);
    console.println("status " + status);
    console.flush();
    if (console.checkError()) {
      throw new UncheckedIOException(new IOException("console.txt cannot be written"));
    }
  }
}
