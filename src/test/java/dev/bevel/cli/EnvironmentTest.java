package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.bevel.testing.JavaProcess;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Commands do the same whatever the locale, the terminal and the links in their paths. */
class EnvironmentTest {
  @TempDir private Path folder;

  private static Path evaluated() throws Exception {
    return Path.of(
        Objects.requireNonNull(EnvironmentTest.class.getResource("/evaluation/synthetic-set"))
            .toURI());
  }

  /** Of the shell's. */
  private record Ended(int status, String output, String error) {}

  private Ended end(Process process, Path output, Path error) throws Exception {
    assertThat(process.waitFor(10, TimeUnit.MINUTES)).as("still running").isTrue();
    return new Ended(process.exitValue(), Files.readString(output), Files.readString(error));
  }

  private Ended shell(Map<String, String> environment, String line, String... arguments)
      throws Exception {
    List<String> command = new ArrayList<>(List.of("bash", "-c", line, "bash"));
    command.addAll(List.of(arguments));
    Path output = folder.resolve("stdout.txt");
    Path error = folder.resolve("stderr.txt");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(output.toFile()).redirectError(error.toFile());
    builder.environment().putAll(environment);
    environment.forEach(
        (name, value) -> {
          if (value.isEmpty()) {
            builder.environment().remove(name);
          }
        });
    return end(builder.start(), output, error);
  }

  private static String[] bevel(String... arguments) {
    return JavaProcess.command(Main.class, List.of("-XX:+UseSerialGC"), List.of(arguments))
        .toArray(String[]::new);
  }

  @Test
  void figuresAreThoseOfNoLocale() throws Exception {
    List<String> tags = List.of("ar-EG", "fa-IR", "th-TH-u-nu-thai", "ar-SA", "en-US");
    List<String> arguments = new ArrayList<>(List.of(folder.toString(), evaluated().toString()));
    arguments.addAll(tags);
    List<String> command =
        JavaProcess.command(
            CommandSuite.class,
            List.of(
                "-Xmx2g", "-Duser.language=ar", "-Duser.country=EG", "-Djava.awt.headless=true"),
            arguments);
    Ended ended = shell(Map.of(), "exec \"$@\"", command.toArray(String[]::new));
    assertThat(ended.status).as(ended.error).isZero();
    assertThat(String.format(Locale.forLanguageTag("ar-EG"), "%d", 12))
        .as("this JDK knows other digits")
        .isNotEqualTo("12");
    assertThat(String.join("", contents(folder.resolve("ar-EG"))))
        .contains("1 step on 2 samples", "beside it: 2 samples")
        .doesNotContainPattern("[\\p{Nd}&&[^0-9]]");
    List<String> expected = contents(folder.resolve("en-US"));
    assertThat(expected).anyMatch(text -> text.contains("mAP: 0.3609"));
    for (String tag : tags.subList(1, tags.size())) {
      List<String> found = contents(folder.resolve(tag));
      assertThat(found).as(tag).isEqualTo(expected);
      assertThat(String.join("", found).codePoints())
          .as(tag)
          .noneMatch(c -> Character.isDigit(c) && c > '9');
    }
  }

  /** Texts under a folder in the order of their names, with times of the clock masked. */
  private List<String> contents(Path root) throws IOException {
    List<Path> files;
    try (Stream<Path> walk = Files.walk(root)) {
      files =
          walk.filter(file -> file.toString().matches(".*\\.(txt|json|csv|html)"))
              .sorted()
              .toList();
    }
    List<String> texts = new ArrayList<>();
    for (Path file : files) {
      String text =
          Files.readString(file)
              .replace(root.toString(), "ROOT")
              .replaceAll("[0-9.]+ ?(ms|s|seconds)\\b", "TIME")
              .replaceAll("\"eval_time\" ?: ?[0-9.E-]+", "TIME")
              .replaceAll("data:image/jpeg;base64,[^\"]*", "PICTURE");
      texts.add(
          root.relativize(file) + ":\n" + (file.endsWith("history.csv") ? header(text) : text));
    }
    return texts;
  }

  /** Of the history: its first line, and the digits of the others are looked at only. */
  private static String header(String csv) {
    return csv.lines().findFirst().orElseThrow() + "\n" + csv.replaceAll("[0-9.E-]+", "N");
  }

  @Test
  void aFullStandardOutputIsAFailureAndAReaderGoneIsTold() throws Exception {
    assumeThat(Path.of("/dev/full")).exists();
    Ended full = shell(Map.of(), "exec \"$@\" > /dev/full", bevel("--help"));
    assertThat(full.status).isEqualTo(1);
    assertThat(full.error)
        .isEqualTo("bevel: standard output: cannot be written: No space left on device\n");
    Ended gone =
        shell(Map.of(), "{ sleep 3; \"$@\"; echo \"status $?\" >&2; } | true", bevel("--help"));
    assertThat(gone.error).isEqualTo("status 141\n");
    Ended read = shell(Map.of(), "exec \"$@\"", bevel("--help"));
    assertThat(read.status).isZero();
    assertThat(read.output).contains("Usage: bevel");
  }

  @ParameterizedTest
  @ValueSource(ints = {60, 80, 120})
  void helpSaysWholeSentences(int width) {
    CommandLine bevel = Main.commandLine().setUsageHelpWidth(width);
    String help = squeezed(bevel.getUsageMessage());
    bevel
        .getSubcommands()
        .forEach(
            (name, command) -> {
              var usage = command.getCommandSpec().usageMessage();
              String first = usage.header().length > 0 ? usage.header()[0] : usage.description()[0];
              assertThat(first).as(name).endsWith(".");
              assertThat(help).as(name).contains(squeezed(first));
              everything(command.setUsageHelpWidth(width), width);
            });
    everything(bevel, width);
  }

  private static void everything(CommandLine command, int width) {
    String help = command.getUsageMessage();
    assertThat(help.lines()).allMatch(line -> line.length() <= width);
    for (String sentence : command.getCommandSpec().usageMessage().description()) {
      assertThat(squeezed(help)).contains(squeezed(sentence.replace("%n", "")));
    }
    for (OptionSpec option : command.getCommandSpec().options()) {
      for (String sentence : option.description()) {
        if (!sentence.contains("${")) {
          assertThat(squeezed(help)).as(option.longestName()).contains(squeezed(sentence));
        }
      }
    }
  }

  private static String squeezed(String text) {
    return text.replaceAll("\\s+", "");
  }

  private static String progress(int columns) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (Progress progress =
        Progress.on(new PrintStream(bytes, true, StandardCharsets.UTF_8), columns, "a task", 200)) {
      progress.setExtraMessage("loss 1.000", " (" + "heatmap 2.000 ".repeat(3) + ")");
      for (int i = 0; i < 200; i++) {
        progress.step();
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @ValueSource(ints = {40, 80, 150, 400})
  void theBarIsAsWideAsTheTerminal(int columns) {
    String drawn = progress(columns);
    assertThat(drawn).contains("\r");
    assertThat(drawn.split("[\r\n]")).allMatch(line -> line.length() <= Math.min(columns, 150));
    // What there is room for is whole: the loss, but not half of its terms.
    assertThat(drawn.contains("loss 1.000")).isEqualTo(columns >= 80);
    assertThat(drawn.contains("heatmap")).isEqualTo(columns >= 150);
  }

  @Test
  void withoutATerminalThereAreLines() {
    assertThat(progress(0)).doesNotContain("\r", "[").startsWith("a task: 200 of 200, ");
  }

  @Test
  void commandsFollowLinks() throws Exception {
    Path disk = Files.createDirectory(folder.resolve("other disk"));
    Path out = Files.createSymbolicLink(folder.resolve("out"), disk.resolve("simulated"));
    run(
        "simulate",
        "--scenes",
        "1",
        "--seconds",
        "1",
        "--image-size",
        "64x36",
        "--out",
        out.toString());
    assertThat(out).isSymbolicLink();
    assertThat(disk.resolve("simulated/v1.0-sim/sample.json")).isRegularFile();
    Path astray = Files.createSymbolicLink(folder.resolve("astray"), disk.resolve("no/where"));
    assertThat(
            Main.commandLine()
                .setErr(new PrintWriter(new StringWriter()))
                .execute("simulate", "--scenes", "1", "--seconds", "1", "--out", astray.toString()))
        .isEqualTo(2);
    assertThat(disk.resolve("no")).doesNotExist();
    Path empty = Files.createDirectory(disk.resolve("empty"));
    Path second = Files.createSymbolicLink(folder.resolve("second"), empty);
    run(
        "simulate",
        "--scenes",
        "1",
        "--seconds",
        "1",
        "--image-size",
        "64x36",
        "--out",
        second.toString());
    assertThat(second).isSymbolicLink();
    assertThat(empty.resolve("v1.0-sim")).isDirectory();

    Path results = Files.createDirectory(disk.resolve("results"));
    Path run = Files.createSymbolicLink(folder.resolve("run"), results);
    for (String name :
        List.of("metrics_summary.json", "run.json", "report.html", "found.json", "bev.png")) {
      Files.createSymbolicLink(results.resolve(name), disk.resolve("real-" + name));
    }
    run(
        "eval",
        "--data",
        evaluated().toString(),
        "--version",
        "v1.0-mini",
        "--split",
        "mini_val",
        "--results",
        evaluated().resolve("results_nusc.json").toString(),
        "--out",
        run.toString());
    run("report", "--run", run.toString());
    run("validate", "--data", out.toString(), "--json", run.resolve("found.json").toString());
    String sample =
        dev.bevel.nuscenes.NuScenes.load(out).tables().samples().values().iterator().next().token();
    run("render", "--data", out.toString(), "--sample", sample, "--out", run.toString());
    for (String name :
        List.of("metrics_summary.json", "run.json", "report.html", "found.json", "bev.png")) {
      assertThat(results.resolve(name)).isSymbolicLink();
      assertThat(disk.resolve("real-" + name)).isRegularFile().isNotEmptyFile();
    }
    try (Stream<Path> walk = Files.walk(folder)) {
      assertThat(walk.filter(file -> file.toString().endsWith(".tmp"))).isEmpty();
    }
  }

  private static void run(String... arguments) {
    StringWriter said = new StringWriter();
    int status =
        Main.commandLine()
            .setOut(new PrintWriter(said))
            .setErr(new PrintWriter(said, true))
            .execute(arguments);
    assertThat(status).as(String.join(" ", arguments) + "\n" + said).isLessThan(2);
    assertThat(said.toString()).doesNotContain("bevel: ");
  }

  @Test
  void namesThatTheCharacterSetCannotWriteAreToldWithTheRemedy() throws Exception {
    Ended ended =
        shell(
            Map.of("LC_ALL", "C"),
            "exec \"$@\"",
            bevel("validate", "--data", folder.resolve("größe").toString()));
    assertThat(ended.status).isBetween(1, 2);
    assertThat(ended.error).contains("LC_ALL=C.UTF-8").doesNotContain("java.nio");
  }

  /** The launcher on a copy of the checkout's layout, where the jar is built. */
  @ParameterizedTest
  @ValueSource(strings = {"with spaces", "größe '%s' $HOME"})
  void theLauncherStartsFromAnyFolder(String name) throws Exception {
    Path root = Path.of(System.getProperty("bevel.root", "."));
    Path target = root.resolve("java-api/cli/target");
    assumeThat(jars(target)).as("the command line's jar is built in phase package").isNotEmpty();
    Path copy = Files.createDirectories(folder.resolve(name));
    Files.copy(root.resolve("bevel"), copy.resolve("bevel"));
    Files.createDirectories(copy.resolve("java-api/cli"));
    Files.createSymbolicLink(copy.resolve("java-api/cli/target"), target.toAbsolutePath());
    Path link = Files.createSymbolicLink(folder.resolve("linked"), copy.resolve("bevel"));
    for (Map<String, String> environment :
        List.of(
            Map.of("HOME", ""),
            Map.of("LC_ALL", "C", "LANG", "C"),
            Map.of("LC_ALL", "xx_YY.UTF-8"),
            Map.of("LC_ALL", "C", "LANG", "xx_YY.UTF-8"),
            Map.of("LC_ALL", "", "LC_CTYPE", "", "LANG", "xx_YY.UTF-8"),
            Map.of("LC_ALL", "", "LANG", "xx_YY.UTF-8", "PATH", withoutLocale().toString()),
            Map.of("LC_ALL", "", "LANG", "C.UTF-8", "LC_MESSAGES", "xx_YY.UTF-8"),
            Map.of("LC_ALL", "", "LANG", "C.UTF-8", "LC_NUMERIC", "xx_YY.UTF-8"),
            Map.of("LC_ALL", "", "LC_CTYPE", "", "LANG", ""))) {
      Ended ended = shell(environment, "exec \"$@\"", link.toString(), "--version");
      assertThat(ended.status).as(environment + ended.error).isZero();
      assertThat(ended.output).startsWith("bevel 0.");
      Ended missing =
          shell(
              environment,
              "exec \"$@\"",
              copy.resolve("bevel").toString(),
              "validate",
              "--data",
              copy.resolve("fehlt über").toString());
      assertThat(missing.error).contains("fehlt über does not exist");
    }
  }

  /** What a bare container's PATH has of what the launcher calls. */
  private Path withoutLocale() throws IOException {
    Path tools = Files.createDirectories(folder.resolve("bare"));
    for (String name : List.of("bash", "env", "dirname", "readlink")) {
      Path link = tools.resolve(name);
      if (Files.notExists(link)) {
        Files.createSymbolicLink(link, Path.of("/usr/bin", name));
      }
    }
    return tools;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"abc", "4 g", "4gb", "-1g", "0", "1.5g", "g", "4g -version", "99999999999g"})
  void aHeapThatIsNoSizeIsTold(String heap) throws Exception {
    Ended ended = launch(Map.of("BEVEL_HEAP", heap), "exec \"$@\"");
    assertThat(ended.status).isEqualTo(1);
    assertThat(ended.error)
        .isEqualTo(
            "bevel: BEVEL_HEAP must be a whole number with k, m, g or t behind it, such as 4g, got '"
                + heap
                + "'\n");
  }

  /** Before the data or the checkpoint is looked at, by every command that computes. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "train --config none --data none --steps 1 --out run",
        "detect --checkpoint none --data none --out run",
        "parity --fixture none",
        "demo --out run",
        "bench lift-splat --case none"
      })
  void aWrongNumberOfThreadsIsToldFirst(String line) throws Exception {
    List<String> command = new ArrayList<>();
    for (String word : line.split(" ")) {
      command.add(word.equals("run") ? folder.resolve("run").toString() : word);
    }
    Ended ended =
        shell(
            Map.of("BEVEL_NUM_THREADS", "x"), "exec \"$@\"", bevel(command.toArray(String[]::new)));
    assertThat(ended.status).isEqualTo(1);
    assertThat(ended.error)
        .contains("BEVEL_NUM_THREADS must be a number from 1 to 4096, got 'x'")
        .hasLineCount(1);
    assertThat(folder.resolve("run")).doesNotExist();
  }

  /** What no JVM starts with is refused with what would do. */
  @ParameterizedTest
  @ValueSource(strings = {"6m", "1", "1k", "63M", "65000k", "67108863"})
  void aHeapThatIsTooSmallIsTold(String heap) throws Exception {
    Ended ended = launch(Map.of("BEVEL_HEAP", heap), "exec \"$@\"");
    assertThat(ended.status).isEqualTo(1);
    assertThat(ended.error)
        .isEqualTo("bevel: BEVEL_HEAP must be at least 64m, and 4g to train, got '" + heap + "'\n");
  }

  @Test
  void theLeastHeapStartsAndOneBeyondTheMachineIsNamed() throws Exception {
    assertThat(launch(Map.of("BEVEL_HEAP", "64m"), "exec \"$@\"").status).isZero();
    Ended large = launch(Map.of("BEVEL_HEAP", "999999t"), "exec \"$@\"");
    assertThat(large.status).isEqualTo(1);
    assertThat(large.error)
        .startsWith("bevel: a JDK is there but does not start: ")
        .contains("BEVEL_HEAP (now 999999t)")
        .hasLineCount(1);
  }

  /** A Maven that says much, and one that fails: a few lines, and the rest in a file. */
  @Test
  void theFirstBuildIsQuiet() throws Exception {
    Path copy = Files.createDirectories(folder.resolve("clone"));
    Path bevel = copy.resolve("bevel");
    Files.copy(Path.of(System.getProperty("bevel.root", "."), "bevel"), bevel);
    Path tools = Files.createDirectories(folder.resolve("tools"));
    Path maven = tools.resolve("mvn");
    Map<String, String> path = Map.of("PATH", tools + ":" + System.getenv("PATH"));
    Files.writeString(
        maven,
        "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9; do echo '[WARNING] noise'; done\n"
            + "echo '[ERROR] prerequisites: cmake is missing' >&2\nexit 1\n");
    assertThat(maven.toFile().setExecutable(true)).isTrue();
    Ended failed = shell(path, "exec \"$@\"", bevel.toString(), "--version");
    assertThat(failed.status).isEqualTo(1);
    Path log = copy.resolve("target/first-build.log");
    assertThat(failed.error)
        .contains("bevel: building, which happens once", log.toString())
        .contains("bevel: the build failed", "cmake is missing")
        .doesNotContain("noise")
        .hasLineCount(3);
    assertThat(log).content().contains("noise");

    Files.writeString(
        maven,
        "#!/bin/sh\necho noise\nmkdir -p java-api/cli/target\n"
            + "touch java-api/cli/target/bevel-cli-1.jar\n");
    Ended built = shell(path, "exec \"$@\"", bevel.toString(), "--version");
    assertThat(built.error).startsWith("bevel: building").doesNotContain("noise");
  }

  /** Little address space stands for whatever keeps a JVM from starting. */
  @Test
  void aJavaThatDoesNotStartIsNotCalledMissing() throws Exception {
    Ended ended = launch(Map.of(), "ulimit -v 300000 && exec \"$@\"");
    assertThat(ended.status).isEqualTo(1);
    assertThat(ended.error)
        .startsWith("bevel: a JDK is there but does not start: /")
        .contains("/bin/java: ", "Could not ", "ulimit -a")
        .doesNotContain("needs a JDK")
        .hasLineCount(1);
  }

  private Ended launch(Map<String, String> environment, String line) throws Exception {
    Path launcher = Path.of(System.getProperty("bevel.root", "."), "bevel").toAbsolutePath();
    return shell(environment, line, launcher.toString(), "--version");
  }

  @Test
  void aLevelOfTheLogThatIsNoneIsTold() throws Exception {
    Ended ended = launch(Map.of("BEVEL_LOG", "loud"), "exec \"$@\"");
    assertThat(ended.status).isEqualTo(1);
    assertThat(ended.error)
        .isEqualTo("bevel: BEVEL_LOG must be trace, debug, info, warn, error or off, got 'loud'\n");
  }

  @Test
  void aColonInTheFoldersNameIsTold() throws Exception {
    Path copy = Files.createDirectories(folder.resolve("a:b"));
    Files.copy(Path.of(System.getProperty("bevel.root", "."), "bevel"), copy.resolve("bevel"));
    Ended ended = shell(Map.of(), "exec \"$@\"", copy.resolve("bevel").toString(), "--version");
    assertThat(ended.status).isEqualTo(1);
    assertThat(ended.error).contains("/a:b'", "colon", "rename").hasLineCount(1);
  }

  private static List<Path> jars(Path target) throws IOException {
    if (!Files.isDirectory(target)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(target)) {
      return entries.filter(entry -> entry.toString().endsWith(".jar")).toList();
    }
  }
}
