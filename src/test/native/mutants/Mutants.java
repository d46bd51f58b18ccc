import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The mutation score of the kernels: faults are planted in their sources, one at a time, and the
 * tests of the operator must notice.
 *
 * <p>{@code OPERATOR.mutants} beside this file lists an operator's mutants as text (see {@link
 * Mutant}). Nothing in the working tree is touched, and no second tree is built: of the finished
 * CMake build (Ninja) the objects that read the mutated file are compiled again, with their own
 * commands, from a copy that lies before the original in the include path; the library they belong
 * to is linked into a scratch folder, and the test programs run with that folder in
 * LD_LIBRARY_PATH. Of a CPU body only one instruction set is mutated.
 *
 * <pre>
 *   --operator NAME    only these (may be repeated)
 *   --tier cuda|cpu    only CUDA sources (by their emulated tests), or only CPU bodies
 *   --only NAME        only the mutants of this name
 *   --sample N         N of them by chance; --seed S takes the same again
 *   --budget SECONDS   begins no mutant after that time
 *   --keep-going       does not stop at the first survivor that is not known
 *   --fresh            measures again what an earlier run of the same sources has measured
 *   --trust-build      the build is finished and its tests have passed: neither is done again
 *   --jobs N           mutants at a time; as many as processors
 *   --report FILE      writes the score as Markdown
 *   --build DIR, --mutants DIR, --known FILE   elsewhere than usual
 * </pre>
 *
 * <p>Status 0: all were killed but those of known_survivors.tsv. 1: others survived. 2: a mutant
 * that does not apply or does not compile, a build that fails, tests that fail without any mutant.
 */
final class Mutants {
  private static final String EMULATED = "tests/libbevel_cuda_emulated.so";
  private static final String HOST = "libbevel.so.0";

  private final Options options;
  private final Build build;
  private final Map<String, Double> testSeconds = new ConcurrentHashMap<>();

  private Mutants(Options options) {
    this.options = options;
    this.build = new Build(options.build);
  }

  public static void main(String[] arguments) throws Exception {
    int status;
    try {
      status = new Mutants(new Options(arguments)).run();
    } catch (Refusal refusal) {
      System.err.println("mutants: " + refusal.getMessage());
      status = 2;
    }
    System.exit(status);
  }

  private int run() throws Exception {
    long started = System.nanoTime();
    List<Mutant> all = MutantFiles.read(options.mutants);
    checkThatAllApply(all);
    List<Mutant> mutants = options.choose(all);
    if (mutants.isEmpty())
      throw new Refusal("no mutant is of the operators, tier and name asked for");
    Map<String, String> known = MutantFiles.known(options.known);
    Results results = new Results(options);
    List<Mutant> open = mutants.stream().filter(mutant -> results.get(mutant) == null).toList();
    System.out.printf(
        "mutants: %d, of them measured before: %d%n", mutants.size(), mutants.size() - open.size());
    if (!options.trustBuild && !open.isEmpty()) checkUnmutated(open);
    build.load();
    measureAll(open, results, known, started);
    Score score = new Score(mutants, results, known);
    System.out.println();
    System.out.print(score.table());
    double minutes = (System.nanoTime() - started) / 6e10;
    System.out.printf("%.1f minutes%n", minutes);
    if (options.report != null)
      Files.writeString(options.report, score.markdown(options, minutes, open.size()));
    return score.status();
  }

  private void measureAll(
      List<Mutant> mutants, Results results, Map<String, String> known, long started)
      throws Exception {
    Queue<Mutant> queue = new ConcurrentLinkedQueue<>(mutants);
    inParallel(
        worker -> {
          Path folder = options.work().resolve("worker-" + worker);
          for (Mutant mutant; (mutant = queue.poll()) != null; ) {
            if ((System.nanoTime() - started) / 1e9 > options.budget) return;
            Outcome outcome = measure(mutant, folder);
            results.put(mutant, outcome);
            String listed = known.containsKey(mutant.id()) ? ", known" : "";
            System.out.printf(
                "%-50s %s%s (%.0f s) %s%n",
                mutant.id(), outcome.state(), listed, outcome.seconds(), outcome.detail());
            boolean survived = outcome.state() == Outcome.State.SURVIVED && listed.isEmpty();
            if (!options.keepGoing && (survived || outcome.state().error())) queue.clear();
          }
        });
  }

  private interface Work {
    void run(int worker) throws Exception;
  }

  /** The same work by as many threads as there are jobs; the first failure is thrown. */
  private void inParallel(Work work) throws Exception {
    List<Exception> failures = Collections.synchronizedList(new ArrayList<>());
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < options.jobs; i++) {
      int worker = i;
      threads.add(
          new Thread(
              () -> {
                try {
                  work.run(worker);
                } catch (Exception failure) {
                  failures.add(failure);
                }
              }));
    }
    for (Thread thread : threads) thread.start();
    for (Thread thread : threads) thread.join();
    if (!failures.isEmpty()) throw failures.get(0);
  }

  /** Of all mutants, whichever are measured: one that no longer applies must not go unnoticed. */
  private void checkThatAllApply(List<Mutant> mutants) throws IOException {
    List<String> errors = new ArrayList<>();
    for (Mutant mutant : mutants) {
      Path file = options.root.resolve(mutant.fields().get("file"));
      int places =
          Files.isRegularFile(file)
              ? MutantFiles.places(Files.readString(file), mutant.oldText()).size()
              : 0;
      if (places == 1) continue;
      errors.add(
          mutant.id()
              + ": its old text must be once in "
              + mutant.fields().get("file")
              + ", it is there "
              + places
              + " times");
    }
    if (!errors.isEmpty())
      throw new Refusal(
          "mutants do not apply; bring them in line with the sources:\n"
              + String.join("\n", errors));
  }

  /** Builds what the mutants need, and runs their tests as they are. */
  private void checkUnmutated(List<Mutant> mutants) throws Exception {
    Set<String> tests =
        mutants.stream()
            .flatMap(mutant -> mutant.tests().stream())
            .collect(Collectors.toCollection(LinkedHashSet::new));
    List<String> targets =
        new ArrayList<>(List.of("ninja", "-C", options.build.toString(), HOST, EMULATED));
    for (String test : tests) targets.add("tests/" + Mutant.program(test));
    Finished built =
        Finished.of(targets, options.build, Map.of(), options.work().resolve("build.log"), 7200);
    if (built.status() != 0)
      throw new Refusal("the unmutated sources do not build:\n" + built.tail(20));
    Queue<String> queue = new ConcurrentLinkedQueue<>(tests);
    List<String> failed = Collections.synchronizedList(new ArrayList<>());
    inParallel(
        worker -> {
          for (String test; (test = queue.poll()) != null; ) {
            String program = Mutant.program(test);
            Path log = options.work().resolve(test.replaceAll("\\W", "_") + ".log"),
                folder = options.build.resolve("tests");
            Map<String, String> filter = Map.of("GTEST_FILTER", Mutant.filter(test));
            Finished run = Finished.of(List.of("./" + program), folder, filter, log, 1200);
            testSeconds.put(test, run.seconds());
            if (run.status() != 0) failed.add(test + ": " + run.reason());
          }
        });
    if (!failed.isEmpty())
      throw new Refusal("tests fail without any mutant:\n" + String.join("\n", failed));
  }

  private Outcome measure(Mutant mutant, Path worker) throws IOException {
    long started = System.nanoTime();
    Outcome outcome = plantAndTest(mutant, worker);
    return new Outcome(outcome.state(), outcome.detail(), (System.nanoTime() - started) / 1e9);
  }

  private Outcome plantAndTest(Mutant mutant, Path worker) throws IOException {
    deleteFolder(worker);
    String file = mutant.fields().get("file");
    Path original = options.root.resolve(file), copy = worker.resolve("sources").resolve(file);
    String source = Files.readString(original);
    int[] place = MutantFiles.places(source, mutant.oldText()).get(0);
    Files.createDirectories(copy.getParent());
    Files.createDirectories(worker.resolve("lib"));
    Files.writeString(
        copy, source.substring(0, place[0]) + mutant.newText() + source.substring(place[1]));

    String library = mutant.tier().equals("cuda") ? EMULATED : HOST;
    Map<String, Path> objects = new HashMap<>(); // recompiled
    Map<String, Path> linked = new HashMap<>();
    List<String> products = new ArrayList<>(List.of(library));
    for (String test : mutant.tests()) products.add("tests/" + Mutant.program(test));
    for (String product : products) {
      boolean changed = false;
      for (String object : build.kernelObjects(product, original, options.root)) {
        if (!objects.containsKey(object)) {
          Path to = worker.resolve("object-" + objects.size() + ".o");
          Finished compiled = build.compile(object, original, copy, worker, to);
          if (compiled.status() != 0)
            return new Outcome(Outcome.State.DOES_NOT_COMPILE, compiled.firstError(), 0);
          objects.put(object, to);
        }
        changed = true;
      }
      if (!changed) continue;
      Path to = worker.resolve("lib").resolve(Path.of(product).getFileName());
      Finished link = build.link(product, objects, to, worker);
      if (link.status() != 0)
        return new Outcome(
            Outcome.State.DOES_NOT_COMPILE, "does not link: " + link.firstError(), 0);
      linked.put(product, to);
    }
    if (objects.isEmpty())
      return new Outcome(
          Outcome.State.DOES_NOT_COMPILE, "no object of " + products + " reads " + file, 0);
    for (String test : mutant.tests()) {
      String name = Mutant.program(test);
      Path program =
          linked.getOrDefault("tests/" + name, options.build.resolve("tests").resolve(name));
      Map<String, String> environment =
          Map.of(
              "LD_LIBRARY_PATH",
              worker.resolve("lib").toString(),
              "GTEST_FAIL_FAST",
              "1",
              "GTEST_FILTER",
              Mutant.filter(test));
      double limit = testSeconds.containsKey(test) ? 30 + 4 * testSeconds.get(test) : 400;
      Finished run =
          Finished.of(
              List.of(program.toString()),
              options.build.resolve("tests"),
              environment,
              worker.resolve(name + ".log"),
              limit);
      if (run.timedOut())
        return new Outcome(
            Outcome.State.TIMED_OUT,
            name + " after " + Math.round(limit) + " s in " + run.lastTest(),
            0);
      if (run.status() != 0)
        return new Outcome(Outcome.State.KILLED, name + ": " + run.reason(), 0);
    }
    return new Outcome(
        Outcome.State.SURVIVED, mutant.fields().get("kind") + ": " + mutant.fields().get("why"), 0);
  }

  static void deleteFolder(Path folder) throws IOException {
    if (!Files.exists(folder)) return;
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path path : walk.sorted(Collections.reverseOrder()).toList()) Files.delete(path);
    }
  }
}
