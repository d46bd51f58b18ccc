import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;

/** The command line. */
final class Options {
  final Set<String> operators = new LinkedHashSet<>();
  String tier, only;
  int sample = Integer.MAX_VALUE, jobs = Runtime.getRuntime().availableProcessors();
  long seed = System.nanoTime() & 0xffffff;
  double budget = Double.MAX_VALUE;
  boolean keepGoing, fresh, trustBuild;
  Path root, build, mutants, known, report;
  final String line;

  Options(String[] arguments) {
    line =
        String.join(
            " ", Arrays.asList(arguments).subList(Math.min(2, arguments.length), arguments.length));
    for (int i = 0; i < arguments.length; i++) {
      String option = arguments[i];
      switch (option) {
        case "--keep-going" -> keepGoing = true;
        case "--fresh" -> fresh = true;
        case "--trust-build" -> trustBuild = true;
        default -> {
          if (i + 1 == arguments.length)
            throw new Refusal(option + " is no option, or lacks its value");
          set(option, arguments[++i]);
        }
      }
    }
    if (root == null) throw new Refusal("--root is missing: start run.sh");
    if (build == null) build = root.resolve("native/target/cmake");
    if (mutants == null) mutants = root.resolve("src/test/native/mutants");
    if (known == null) known = mutants.resolve("known_survivors.tsv");
    if (!Files.isRegularFile(build.resolve("build.ninja"))) {
      throw new Refusal(
          "there is no Ninja build in " + build + ": build the tests first (cmake/build.sh)");
    }
  }

  private void set(String option, String value) {
    try {
      switch (option) {
        case "--operator" -> operators.add(value);
        case "--tier" -> tier = value;
        case "--only" -> only = value;
        case "--sample" -> sample = Integer.parseInt(value);
        case "--seed" -> seed = Long.parseLong(value);
        case "--budget" -> budget = Double.parseDouble(value);
        case "--jobs" -> jobs = Math.max(1, Integer.parseInt(value));
        case "--root" -> root = Path.of(value).toRealPath();
        case "--build" -> build = Path.of(value).toRealPath();
        case "--mutants" -> mutants = Path.of(value).toRealPath();
        case "--known" -> known = Path.of(value).toAbsolutePath();
        case "--report" -> report = Path.of(value).toAbsolutePath();
        default -> throw new Refusal(option + " is no option");
      }
    } catch (NumberFormatException e) {
      throw new Refusal(option + " must be a number, got " + value);
    } catch (IOException e) {
      throw new Refusal(option + " " + value + ": there is no such folder");
    }
    if (tier != null && !tier.equals("cuda") && !tier.equals("cpu"))
      throw new Refusal("--tier must be cuda or cpu, got " + tier);
  }

  Path work() {
    return build.resolve("mutants");
  }

  boolean samples() {
    return sample != Integer.MAX_VALUE;
  }

  List<Mutant> choose(List<Mutant> all) {
    Set<String> names =
        all.stream().map(Mutant::operator).collect(Collectors.toCollection(LinkedHashSet::new));
    for (String operator : operators) {
      if (!names.contains(operator))
        throw new Refusal("--operator must be one of " + names + ", got " + operator);
    }
    List<Mutant> chosen = new ArrayList<>();
    for (Mutant mutant : all) {
      boolean wanted = operators.isEmpty() || operators.contains(mutant.operator());
      wanted &= tier == null || tier.equals(mutant.tier());
      wanted &= only == null || only.equals(mutant.name());
      if (wanted) chosen.add(mutant);
    }
    if (!samples()) return chosen;
    System.out.println("mutants: a sample by --seed " + seed);
    Collections.shuffle(chosen, new Random(seed));
    return chosen.subList(0, Math.min(sample, chosen.size()));
  }
}
