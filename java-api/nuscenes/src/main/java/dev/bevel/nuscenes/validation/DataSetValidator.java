package dev.bevel.nuscenes.validation;

import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathFaults;
import dev.bevel.nuscenes.PathNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Examines a nuScenes-format data set: tables, references, chains, key frames, mountings, motions,
 * sensor files, counted points and visibility. A sound set gives no finding; each finding names
 * table, record and field, what was expected and what was there.
 *
 * <p>Tables are streamed into compact columns (about 1.5 GB of heap for the full trainval tables);
 * sensor files are read one a thread.
 */
public final class DataSetValidator {
  private final Path data;
  private final String version;
  private Set<Allowance> allowances = Set.of();
  private FileScope scope = FileScope.ALL;
  private int threads = Math.min(8, Runtime.getRuntime().availableProcessors());

  private DataSetValidator(Path data, String version) {
    this.data = data;
    this.version = version;
  }

  /**
   * A validator of one version of a data set.
   *
   * @param data the folder that holds {@code samples}, {@code maps} and the version's folder
   * @param version name of the tables' folder, e.g. {@code v1.0-mini}
   * @throws NuScenesException if there is no such folder
   */
  public static DataSetValidator of(Path data, String version) {
    requireDataFolder(data);
    requireFolder("folder of tables", PathNames.child(data, version, "the version of a data set"));
    return new DataSetValidator(data, version);
  }

  /**
   * A validator of a data set with one version.
   *
   * @throws NuScenesException if the folder holds no version, or several
   */
  public static DataSetValidator of(Path data) {
    requireDataFolder(data);
    try (Stream<Path> folders = Files.list(data)) {
      List<String> versions =
          folders
              .filter(folder -> Files.isRegularFile(folder.resolve("scene.json")))
              .map(folder -> folder.getFileName().toString())
              .sorted()
              .toList();
      if (versions.size() != 1) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "folder %s holds the tables of %s; name one version of them",
                data,
                versions.isEmpty() ? "no version" : "versions " + versions));
      }
      return of(data, versions.getFirst());
    } catch (IOException e) {
      throw new NuScenesException(
          "data folder " + data + " cannot be read: " + PathFaults.reason(e), e);
    }
  }

  private static void requireDataFolder(Path data) {
    String fault = PathFaults.asDataFolder(data);
    if (fault != null) {
      throw new NuScenesException("data folder " + data + " " + fault);
    }
  }

  private static void requireFolder(String what, Path folder) {
    String fault = PathFaults.asFolder(folder);
    if (fault != null) {
      throw new NuScenesException(what + " " + folder + " " + fault);
    }
  }

  /** What the set may lack; nothing, unless said here. */
  public DataSetValidator allowing(Set<Allowance> allowances) {
    this.allowances = allowances.isEmpty() ? Set.of() : Set.copyOf(EnumSet.copyOf(allowances));
    return this;
  }

  /** Which files to look into; all, unless said here. */
  public DataSetValidator files(FileScope scope) {
    this.scope = scope;
    return this;
  }

  /**
   * How many sensor files to read at a time; the number of processors, at most 8, unless said here.
   */
  public DataSetValidator threads(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, got " + threads);
    }
    this.threads = threads;
    return this;
  }

  /**
   * Examines the set. Without all tables nothing but their faults can be told.
   *
   * @throws InterruptedException if interrupted while sensor files are read
   */
  public ValidationReport validate() throws InterruptedException {
    Findings findings = new Findings();
    DataSet set = DataSet.read(data, version, allowances, findings);
    FileCheck files = new FileCheck(set, scope, findings);
    if (!findings.any(Rule.TABLE)) {
      ReferenceCheck.run(set, findings);
      ChainCheck.run(set, findings);
      KeyFrameCheck.run(set, findings);
      AgreementCheck.run(set, findings);
      MountingCheck.run(set, findings);
      SurroundCheck.run(set, findings);
      MotionCheck.run(set, findings);
      VisibilityCheck.run(set, findings);
      SplitCheck.run(set, findings);
      files.run(threads);
      if (scope != FileScope.MAPS) {
        ProjectionCheck.run(set, findings);
      }
    }
    Map<String, Integer> records = new LinkedHashMap<>();
    set.tables().forEach((name, table) -> records.put(name, table.rows()));
    return new ValidationReport(
        data, version, records, files.files(), files.boxes(), findings.kept(), findings.counts());
  }
}
