import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A process that has ended, or was ended. */
record Finished(int status, boolean timedOut, double seconds, Path log) {
  private static final Pattern FAILED = Pattern.compile("(?m)^\\[  FAILED  \\] ([^\\s,]+)");
  private static final Pattern RUN = Pattern.compile("(?m)^\\[ RUN      \\] (\\S+)");

  static Finished of(
      List<String> command, Path folder, Map<String, String> environment, Path log, double limit) {
    try {
      Files.createDirectories(log.getParent());
      ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
      builder.environment().remove("GTEST_OUTPUT"); // of a CTest that this runs under
      builder.environment().putAll(environment);
      long started = System.nanoTime();
      Process process =
          builder
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .redirectInput(Path.of("/dev/null").toFile())
              .start();
      boolean ended = process.waitFor((long) (limit * 1000), TimeUnit.MILLISECONDS);
      if (!ended) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly().waitFor();
      }
      return new Finished(
          ended ? process.exitValue() : -1, !ended, (System.nanoTime() - started) / 1e9, log);
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private String text() {
    try {
      return new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String tail(int lines) {
    List<String> all = text().lines().toList();
    return String.join("\n", all.subList(Math.max(0, all.size() - lines), all.size()));
  }

  String firstError() {
    return text().lines().filter(line -> line.contains("error")).findFirst().orElse(tail(1));
  }

  String lastTest() {
    String last = "no test";
    for (Matcher matcher = RUN.matcher(text()); matcher.find(); ) last = matcher.group(1);
    return last;
  }

  /** Why a test program failed. */
  String reason() {
    String text = text();
    Matcher failed = FAILED.matcher(text);
    if (failed.find()) return failed.group(1);
    String sanitizer =
        text.contains("AddressSanitizer")
            ? " by AddressSanitizer"
            : text.contains("runtime error:") ? " by UBSan" : "";
    return lastTest() + (sanitizer.isEmpty() ? " ended with status " + status : sanitizer);
  }
}
