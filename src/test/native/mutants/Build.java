import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What Ninja knows of the build. */
final class Build {
  private final Path folder;
  private final Map<String, Set<Path>> reads = new HashMap<>();
  private final Map<String, Path> sources = new HashMap<>();
  private final Map<String, String> commands = new ConcurrentHashMap<>();
  private final int instructionSet;

  Build(Path folder) {
    this.folder = folder;
    instructionSet = hasAvx2() ? 1 : 0;
  }

  private static boolean hasAvx2() {
    try {
      return Files.readString(Path.of("/proc/cpuinfo")).contains(" avx2 ");
    } catch (IOException e) {
      return false;
    }
  }

  void load() {
    String object = null;
    for (String line : output("-t", "deps").split("\n")) {
      if (!line.startsWith(" ")) {
        object =
            line.contains(": #deps") && line.contains("(VALID)")
                ? line.substring(0, line.indexOf(": #deps"))
                : null;
      } else if (object != null) {
        Path file = folder.resolve(line.strip()).normalize();
        sources.putIfAbsent(object, file);
        reads.computeIfAbsent(object, name -> new LinkedHashSet<>()).add(file);
      }
    }
  }

  /**
   * The objects of a program or library that are made from kernels and read a file; of CPU bodies
   * one instruction set's.
   */
  List<String> kernelObjects(String product, Path file, Path root) {
    List<String> objects = new ArrayList<>();
    for (String word : command(product).split("\\s+")) {
      if (!word.endsWith(".o") || !reads.getOrDefault(word, Set.of()).contains(file)) continue;
      Matcher body = Pattern.compile("_isa(\\d)\\.dir/").matcher(word);
      boolean wanted = !body.find() || body.group(1).equals(Integer.toString(instructionSet));
      Path source = sources.get(word);
      if (wanted
          && (source.startsWith(root.resolve("kernels"))
              || source.startsWith(root.resolve("native")))) objects.add(word);
    }
    return objects;
  }

  Finished compile(String object, Path original, Path copy, Path worker, Path to)
      throws IOException {
    String command = command(object).replace(" -g ", " ");
    Path reads = Path.of(to + ".d");
    command = command.replace(" -o " + object + " ", " -o " + to + " ");
    command = command.replaceAll(" -MF \\S+ ", Matcher.quoteReplacement(" -MF " + reads + " "));
    // The copy before the original, for those who include it.
    Path include = worker.resolve("sources/kernels");
    command =
        command.replaceFirst(
            " -I", Matcher.quoteReplacement(" -I" + include + " -I" + copy.getParent() + " -I"));
    if (sources.get(object).equals(original)) {
      int source = command.lastIndexOf(" -c ");
      command = command.substring(0, source) + " -c " + copy;
    }
    Finished compiled =
        Finished.of(List.of("bash", "-c", command), folder, Map.of(), Path.of(to + ".log"), 1800);
    // A compiler cache may write paths relative to the folder it runs in.
    String read = compiled.status() == 0 ? Files.readString(reads) : copy.toString();
    if (!read.contains(copy.toString()) && !read.contains(folder.relativize(copy).toString())) {
      throw new Refusal(
          object
              + " was compiled again without reading "
              + copy
              + ": its include path has the original first");
    }
    return compiled;
  }

  Finished link(String product, Map<String, Path> objects, Path to, Path worker) {
    String command = command(product).replace(" -o " + product + " ", " -o " + to + " ");
    for (Map.Entry<String, Path> object : objects.entrySet()) {
      command =
          command.replaceAll(
              "(?<=\\s)" + Pattern.quote(object.getKey()) + "(?=\\s)",
              Matcher.quoteReplacement(object.getValue().toString()));
    }
    return Finished.of(
        List.of("bash", "-c", command), folder, Map.of(), worker.resolve("link.log"), 600);
  }

  private String command(String target) {
    return commands.computeIfAbsent(target, name -> output("-t", "commands", "-s", name).strip());
  }

  private String output(String... arguments) {
    try {
      List<String> command = new ArrayList<>(List.of("ninja", "-C", folder.toString(), "--quiet"));
      command.addAll(List.of(arguments));
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0)
        throw new Refusal(String.join(" ", command) + " failed:\n" + text);
      return text;
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
