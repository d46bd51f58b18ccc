package dev.bevel.nuscenes.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.TinyNuScenes;
import dev.bevel.testing.Chromium;
import dev.bevel.testing.Seed;
import dev.bevel.testing.TestData;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunReportTest {
  @TempDir Path root;

  /** A run on three samples, of which one has its images. */
  private RunFolder tinyRun(String config) throws IOException {
    Path data = root.resolve("data");
    new TinyNuScenes(data).write().writeSensorFiles(1, 30, 0, 0, 5, 5);
    NuScenes set = NuScenes.load(data);
    Files.writeString(
        data.resolve(set.version()).resolve("splits.json"), "{\"own\": [\"scene-0001\"]}");
    RunFolder run = SampleRun.train(root.resolve("run"), config, data, set.version());
    SampleRun.evaluate(run, set, "own", Seed.random(RunReportTest.class));
    return run;
  }

  private static String report(RunFolder run) throws IOException {
    RunReport.write(run, null, run.report());
    return Files.readString(run.report());
  }

  private static long count(String html, String pattern) {
    return Pattern.compile(pattern).matcher(html).results().count();
  }

  /** What must hold of every report. */
  private static void assertSelfContained(String html) {
    assertThat(html).startsWith("<!DOCTYPE html>").endsWith("</html>");
    assertThat(html).doesNotContain("<script", "<link", "<iframe", "url(", "@import", "srcset");
    List<String> sources =
        Pattern.compile("(?:src|href)=\"([^\"]{0,30})")
            .matcher(html)
            .results()
            .map(match -> match.group(1))
            .toList();
    assertThat(sources).allMatch(source -> source.startsWith("data:image/jpeg;base64,"));
    assertThat(count(html, "<img ")).isEqualTo(count(html, "<img [^>]*alt=\"[^\"]{20,}\""));
    assertThat(count(html, "<svg viewBox=\"[^\"]*\" role=\"img\" aria-label=\"[^\"]+\""))
        .isEqualTo(count(html, "<figure>"));
    assertThat(count(html, "<table><caption>[^<]")).isEqualTo(count(html, "<table"));
    for (String tag :
        List.of("section", "table", "tr", "th", "td", "svg", "figure", "div", "p", "article")) {
      assertThat(count(html, "<" + tag + "[ >]")).as(tag).isEqualTo(count(html, "</" + tag + ">"));
    }
  }

  @Test
  void showsAllOfARun() throws IOException {
    String html = report(tinyRun("net"));
    assertSelfContained(html);
    assertThat(html)
        .contains("<dd>net</dd>", "<dd>400</dd>", "400 steps in 2.7 min", "Learning rate by step")
        .contains("<dt>NDS</dt>", "<th scope=\"row\">pedestrian</th>", "car: precision over recall")
        .contains("Translation error by distance", "Recall by class and distance")
        .contains("Samples are ranked by F1", "scene-0001, sample sample-1")
        .containsPattern("The images of 1 of [23] samples are there")
        .doesNotContain("does not exist");
    // Two of training, ten of classes, five of distance.
    assertThat(count(html, "<figure>")).isEqualTo(17);
    List<BufferedImage> pictures =
        Pattern.compile("base64,([^\"]+)")
            .matcher(html)
            .results()
            .map(RunReportTest::decode)
            .toList();
    assertThat(pictures).hasSize(2);
    assertThat(pictures.getFirst().getWidth()).isEqualTo(1400);
    assertThat(pictures.getLast().getWidth()).isEqualTo(1000);
    assertThat(colours(pictures.getLast())).isGreaterThan(100);
    assertThat(report(new RunFolder(root.resolve("run")))).as("the same each time").isEqualTo(html);
  }

  /** Training, detection and evaluation go on without each other: what is not of one is told. */
  @Test
  void partsOfAnotherStageAreTold() throws IOException {
    RunFolder run = tinyRun("net");
    String unknown = "Which checkpoint found the detections is not known.";
    String[] stale = {"The training above", "another training", "has changed since", "history.csv"};
    assertThat(report(run)).contains(unknown).doesNotContain(stale);
    String sha256 = RunFolder.sha256(run.results());
    run.write(new RunFolder.Detector("net", 400, 7, sha256, List.of()));
    assertThat(report(run))
        .contains("The detections are of net after step 400, seed 7.")
        .doesNotContain(stale);
    run.write(new RunFolder.Detector("net", 300, 7, sha256, List.of()));
    assertThat(report(run)).contains("of net after step 300", "The training above is at step 400");
    run.write(new RunFolder.Detector("net", 400, 8, sha256, List.of()));
    assertThat(report(run)).contains("another training than the one above, net with seed 7");
    run.write(new RunFolder.Detector("net", 400, 7, "of other results", List.of()));
    assertThat(report(run)).contains(unknown);

    Path data = root.resolve("data");
    run.write(new RunFolder.Training("net", data, "v1.0-mini", "own", 800, 7));
    assertThat(report(run)).contains("history.csv ends with step 400", "is of step 800");
    Files.writeString(
        run.history(), "step,seconds,learning_rate,loss,heatmap\n500,1,1,1,1\n800,2,1,1,1\n");
    assertThat(report(run))
        .contains("history.csv begins with step 500")
        .doesNotContain("history.csv ends");

    assertThat(report(run)).contains("Errors by distance").doesNotContain("Not shown");
    Files.writeString(run.results(), Files.readString(run.results()) + "\n");
    assertThat(report(run))
        .contains(run.results() + " has changed since: the figures are of what was there before")
        .contains("Not shown: the submission is another one than that of the figures");
  }

  private static BufferedImage decode(MatchResult match) {
    try {
      return ImageIO.read(new ByteArrayInputStream(Base64.getDecoder().decode(match.group(1))));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static int colours(BufferedImage image) {
    Set<Integer> colours = new HashSet<>();
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        colours.add(image.getRGB(x, y));
      }
    }
    return colours.size();
  }

  @Test
  void absentFilesAreToldInWords() throws IOException {
    RunFolder run = tinyRun("net");
    Files.delete(run.metricsDetails());
    Files.delete(run.results());
    assertThat(report(run))
        .contains("no metrics_details.json")
        .contains("results_nusc.json does not exist");
    Files.delete(run.history());
    Files.delete(run.metricsSummary());
    assertThat(report(run)).contains("no history.csv", "no metrics_summary.json", "<dd>net</dd>");

    RunFolder young = new RunFolder(root.resolve("young"));
    Files.createDirectories(young.folder());
    Files.writeString(young.history(), "step,seconds,learning_rate,loss\n");
    String html = report(young);
    assertSelfContained(html);
    assertThat(html)
        .contains("history.csv has no steps yet", "run.json says nothing of a training")
        .contains("run.json does not say what was evaluated");

    RunFolder nothing = new RunFolder(Files.createDirectories(root.resolve("nothing")));
    assertThatThrownBy(() -> report(nothing))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("has nothing to report");
    assertThat(nothing.report()).doesNotExist();
  }

  /** What run.json names may have been written by anybody. */
  @Test
  void runJsonLeadsToNoFileOfOthers() throws IOException {
    RunFolder run = tinyRun("net");
    RunFolder.Evaluation known = run.evaluation().orElseThrow();
    Path foreign = Files.writeString(root.resolve("foreign"), "precious words");
    for (String sha256 : new String[] {null, "0".repeat(64)}) {
      run.write(
          new RunFolder.Evaluation(known.data(), known.version(), known.split(), foreign, sha256));
      assertThat(report(run)).contains("Not shown: the submission ").doesNotContain("precious");
    }
    Path elsewhere = Files.move(run.results(), root.resolve("elsewhere.json"));
    run.write(
        new RunFolder.Evaluation(
            known.data(), known.version(), known.split(), elsewhere, RunFolder.sha256(elsewhere)));
    assertThat(report(run)).contains("Samples are ranked by F1");
    for (String version : List.of("../x", root + "/data/v1.0-mini", "..", "a/b", "")) {
      Files.writeString(
          run.run(),
          Files.readString(run.run())
              .replaceAll("\"version\" : \"[^\"]*\"", "\"version\" : \"" + version + "\""));
      assertThatThrownBy(() -> report(run))
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining("run.json, field ")
          .hasMessageContaining("version must be a name that a file can have");
    }
  }

  @Test
  void dataMayHaveMoved() throws IOException {
    RunFolder run = tinyRun("net");
    Path moved = Files.move(root.resolve("data"), root.resolve("moved"));
    assertThat(report(run)).contains("Not shown: the data set", "does not exist");
    RunReport.write(run, moved, run.report());
    assertThat(Files.readString(run.report())).contains("Samples are ranked by F1");
  }

  @Test
  void damagedFilesAreNamed() throws IOException {
    RunFolder run = tinyRun("net");
    RunFolder.Evaluation known = run.evaluation().orElseThrow();
    run.write( // of no known content: another one would be told and not read
        new RunFolder.Evaluation(
            known.data(), known.version(), known.split(), known.results(), null));
    for (Path file :
        List.of(
            run.run(), run.history(), run.metricsSummary(), run.metricsDetails(), run.results())) {
      byte[] good = Files.readAllBytes(file);
      for (String damage :
          List.of("", "{}", "{\"results\": 5, \"car:2.0\": [], \"training\": 1}")) {
        Files.writeString(file, damage);
        boolean allowed = file.equals(run.run()) || file.equals(run.metricsDetails());
        if (allowed && damage.equals("{}")) {
          continue; // says nothing, which is allowed
        }
        assertThatThrownBy(() -> report(run))
            .as("%s: '%s'", file.getFileName(), damage)
            .isInstanceOf(NuScenesException.class)
            .hasMessageContaining(file.getFileName().toString());
      }
      Files.write(file, good);
    }
    assertThat(run.report()).doesNotExist();
  }

  /** Names that would be markup, figures that are no numbers, curves without points. */
  static RunFolder hostileRun(Path folder) throws IOException {
    String evil = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&\u0001";
    String json = evil.replace("\"", "\\\"").replace("\u0001", "\\u0001");
    RunFolder run =
        SampleRun.train(
            folder, evil, Path.of("/" + evil.replace('/', '|').replace('\u0001', ' ')), evil);
    Files.writeString(
        run.history(),
        "step,seconds,learning_rate,loss,"
            + evil.replace("\u0001", "")
            + ",all_nan\n1,NaN,-1e308,NaN,Infinity,NaN\n"
            + "2,1e300,1e308,-Infinity,1e-300,NaN\n3,5,0,1e308,-1e308,NaN\n");
    String errors =
        "{\"trans_err\": NaN, \"scale_err\": 1e308, \"orient_err\": -1, \"vel_err\": NaN,"
            + " \"attr_err\": NaN}";
    Files.writeString(
        run.metricsSummary(),
        String.format(
            Locale.ROOT,
            """
        {"label_aps": {"%s": {"%s": NaN}}, "mean_dist_aps": {"%s": -5e300}, "mean_ap": NaN,
         "label_tp_errors": {"%s": %s}, "tp_errors": %s, "nd_score": NaN}
        """,
            json,
            json,
            json,
            json,
            errors,
            errors));
    Files.writeString(
        run.metricsDetails(),
        String.format(
            Locale.ROOT,
            """
        {"%s:%s": {"recall": [], "precision": []}, "car:1": {"recall": [NaN], "precision": [1e300]},
         "car:2": {"recall": [0, 0.5, NaN, 1], "precision": [1, 0.5, 1, 0.25]}}
        """,
            json,
            json));
    return run;
  }

  @Test
  void hostileNamesAndFiguresStayText() throws IOException {
    String html = report(hostileRun(root.resolve("<i>run")));
    assertSelfContained(html);
    assertThat(html)
        .contains("&lt;script&gt;alert(1)", "&lt;i&gt;run", "n/a")
        .doesNotContain("<img", "<i>")
        .doesNotContain("NaN", "\u0001");
  }

  @Test
  void chromiumShowsTheFigures() throws IOException, InterruptedException {
    Chromium browser = Chromium.require(Files.createDirectories(root.resolve("browser")));
    Path bad =
        Files.writeString(
            root.resolve("bad.html"),
            "<meta http-equiv=Content-Security-Policy content=\"img-src data:\"><img"
                + " src=http://localhost:9/x.png>");
    assertThat(browser.dom(bad).console()).as("requests are noticed").isNotEmpty();

    RunFolder run = tinyRun("net");
    report(run);
    Chromium.Page page = browser.dom(run.report());
    assertThat(page.console()).isEmpty();
    assertThat(count(page.output(), "<svg[^>]*role=\"img\"")).isEqualTo(17);
    assertThat(count(page.output(), "<path[^>]*class=\"curve s0\"")).isGreaterThan(10);
    assertThat(count(page.output(), "<img [^>]*src=\"data:image/jpeg")).isEqualTo(2);
    assertThat(page.output()).contains("NDS", "Errors by distance");

    Path picture = root.resolve("page.png");
    assertThat(browser.screenshot(run.report(), picture, 1200, 6000).console()).isEmpty();
    BufferedImage image = ImageIO.read(picture.toFile());
    assertThat(image.getWidth()).isEqualTo(1200);
    assertThat(colours(image)).as("pictures are drawn").isGreaterThan(1000);
    assertThat(hasNear(image, 0x0b63b5) || hasNear(image, 0x6cb4ff)).as("curves").isTrue();
  }

  private static boolean hasNear(BufferedImage image, int colour) {
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        if ((image.getRGB(x, y) & 0xffffff) == colour) {
          return true;
        }
      }
    }
    return false;
  }

  @Test
  void chromiumTakesHostileNamesForText() throws IOException, InterruptedException {
    Chromium browser = Chromium.require(Files.createDirectories(root.resolve("browser")));
    RunFolder run = hostileRun(root.resolve("run"));
    report(run);
    Chromium.Page page = browser.dom(run.report());
    assertThat(page.console()).isEmpty();
    assertThat(page.output())
        .doesNotContain("<script", "<img")
        .contains("&lt;script&gt;alert(1)&lt;/script&gt;");
  }

  @Test
  void realDetectionsAreReported() throws IOException {
    Path data = TestData.require("nuscenes-mini-val");
    Path results = data.resolve("detections-devkit-mock/results_nusc.json");
    RunFolder run = new RunFolder(root.resolve("run"));
    run.write(
        new RunFolder.Evaluation(
            data, "v1.0-mini", "mini_val", results, RunFolder.sha256(results)));
    String html = report(run);
    assertSelfContained(html);
    assertThat(html).contains("The images of 2 of 81 samples are there", "no LiDAR points");
    assertThat(count(html, "<img ")).isEqualTo(4);
  }
}
