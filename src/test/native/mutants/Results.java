import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** Results as they come, kept for a run that goes on. */
final class Results {
  private final Path file;
  private final String sources;
  private final boolean keeps;
  private final Map<String, Outcome> outcomes = new ConcurrentHashMap<>();

  Results(Options options) throws Exception {
    sources = digestOf(options.root);
    file = options.work().resolve("results.tsv");
    keeps = !options.samples();
    Files.createDirectories(options.work());
    if (!keeps || options.fresh || !Files.exists(file)) return;
    for (String line : Files.readAllLines(file)) {
      String[] parts = line.split("\t", -1);
      if (parts.length == 4)
        outcomes.put(
            parts[0],
            new Outcome(Outcome.State.valueOf(parts[1]), parts[3], Double.parseDouble(parts[2])));
    }
  }

  Outcome get(Mutant mutant) {
    return outcomes.get(key(mutant));
  }

  void put(Mutant mutant, Outcome outcome) throws IOException {
    outcomes.put(key(mutant), outcome);
    if (!keeps || outcome.state().error()) return;
    String line =
        String.join(
            "\t",
            key(mutant),
            outcome.state().name(),
            Double.toString(outcome.seconds()),
            outcome.detail().replaceAll("\\s+", " "));
    synchronized (this) {
      Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
  }

  private String key(Mutant mutant) {
    String content =
        sources + mutant.fields() + mutant.oldText() + "\0" + mutant.newText() + mutant.tests();
    return mutant.id() + "@" + Integer.toHexString(content.hashCode()) + sources.substring(0, 16);
  }

  /** Of all that a result depends on but the mutant itself. */
  private static String digestOf(Path root) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    for (String folder : List.of("kernels", "native", "src/test/native")) {
      try (Stream<Path> walk = Files.walk(root.resolve(folder))) {
        for (Path file : walk.sorted().toList()) {
          String name = root.relativize(file).toString();
          if (!Files.isRegularFile(file)
              || name.contains("/target/")
              || name.startsWith("src/test/native/mutants/")) continue;
          digest.update(name.getBytes(StandardCharsets.UTF_8));
          digest.update(Files.readAllBytes(file));
        }
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
