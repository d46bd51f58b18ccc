package dev.bevel.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** A headless Chromium or Chrome for tests of pages; reaches no host. */
public final class Chromium {
  private static final List<String> NAMES =
      List.of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");

  private final Path program;
  private final Path folder;

  private Chromium(Path program, Path folder) {
    this.program = program;
    this.folder = folder;
  }

  /**
   * The first such browser on the PATH; skips the test, saying why, where there is none.
   *
   * @param folder for its files
   */
  public static Chromium require(Path folder) {
    List<Path> found =
        Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
            .flatMap(directory -> NAMES.stream().map(name -> Path.of(directory, name)))
            .filter(Files::isExecutable)
            .toList();
    Assumptions.assumeFalse(
        found.isEmpty(), "skipped: needs a browser on the PATH, one of " + NAMES);
    return new Chromium(found.getFirst(), folder);
  }

  /**
   * What the browser made of a page.
   *
   * @param output what was asked for on the standard output
   * @param console lines that the page's console got: errors, violations of its policy
   */
  public record Page(String output, List<String> console) {}

  /** The page's document as the browser understood it. */
  public Page dom(Path page) throws IOException, InterruptedException {
    return run(page, "--dump-dom");
  }

  /** Draws the page. */
  public Page screenshot(Path page, Path picture, int width, int height)
      throws IOException, InterruptedException {
    return run(
        page,
        "--hide-scrollbars",
        "--window-size=" + width + "," + height,
        "--screenshot=" + picture);
  }

  private Page run(Path page, String... options) throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                program.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--user-data-dir=" + folder.resolve("profile"),
                "--enable-logging=stderr"));
    command.addAll(List.of(options));
    command.add(page.toUri().toString());
    Path output = folder.resolve("stdout");
    Path errors = folder.resolve("stderr");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile())
            .start();
    try {
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("browser ends in time").isTrue();
    } finally {
      process.destroyForcibly();
    }
    String log = Files.readString(errors);
    assertThat(process.exitValue()).as(log).isZero();
    return new Page(
        Files.readString(output), log.lines().filter(line -> line.contains("CONSOLE")).toList());
  }
}
