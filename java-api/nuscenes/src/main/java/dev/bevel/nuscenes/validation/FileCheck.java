package dev.bevel.nuscenes.validation;

import dev.bevel.nuscenes.PathFaults;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Looks into the files that records name: maps first, then sensor files on several threads. */
final class FileCheck {
  private final DataSet set;
  private final Findings findings;
  private final FileScope scope;
  private final TableData data;
  private final PointCounts counts;
  private final SweepCounts sweeps;
  private final AtomicLong files = new AtomicLong();
  private final AtomicLong boxes = new AtomicLong();

  FileCheck(DataSet set, FileScope scope, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.scope = scope;
    this.data = set.table("sample_data");
    this.counts = new PointCounts(set, findings);
    this.sweeps = new SweepCounts(set, findings);
  }

  /** Files that were looked into. */
  long files() {
    return files.get();
  }

  /** Boxes whose points were counted again. */
  long boxes() {
    return boxes.get();
  }

  void run(int threads) throws InterruptedException {
    maps();
    if (scope == FileScope.MAPS) {
      return;
    }
    AtomicInteger next = new AtomicInteger();
    List<Future<?>> workers = new ArrayList<>();
    try (ExecutorService pool =
        Executors.newFixedThreadPool(threads, Thread.ofPlatform().name("validate-", 0).factory())) {
      for (int i = 0; i < threads; i++) {
        workers.add(pool.submit(() -> work(next)));
      }
      for (Future<?> worker : workers) {
        worker.get();
      }
    } catch (ExecutionException e) {
      next.set(data.rows());
      throw new IllegalStateException("a check of sensor files failed", e.getCause());
    }
  }

  private void work(AtomicInteger next) {
    for (int row = next.getAndIncrement();
        row >= 0 && row < data.rows();
        row = next.getAndIncrement()) {
      if (scope == FileScope.ALL || set.isKeyFrame(row)) {
        sensorFile(row);
      }
    }
  }

  private void maps() {
    TableData maps = set.table("map");
    for (int row = 0; row < maps.rows(); row++) {
      Path file = locate(maps, row);
      if (file != null) {
        inspect(maps, row, file, PngInspector::inspect);
      }
    }
  }

  private void sensorFile(int row) {
    Path file = locate(data, row);
    if (file == null) {
      return;
    }
    switch (set.modality(row)) {
      case "camera" -> {
        int width = data.ints("width").get(row);
        int height = data.ints("height").get(row);
        if (width == Column.Ints.MISSING || height == Column.Ints.MISSING) {
          return; // no number of pixels, which is a finding of its own
        }
        inspect(data, row, file, f -> JpegInspector.inspect(f, width, height));
      }
      case "lidar" -> inspect(data, row, file, f -> lidar(row, f));
      case "radar" -> inspect(data, row, file, RadarInspector::inspect);
      default -> {}
    }
  }

  private FileInspector.@Nullable Fault lidar(int row, Path file) throws IOException {
    FileInspector.Lidar lidar = FileInspector.lidar(file);
    if (lidar.fault() == null && set.channel(row).equals("LIDAR_TOP")) {
      if (set.isKeyFrame(row)) {
        boxes.addAndGet(counts.compare(row, lidar.points()));
      } else {
        sweeps.compare(row, lidar.points());
      }
    }
    return lidar.fault();
  }

  /** Something that looks into a file. */
  private interface Inspection {
    FileInspector.@Nullable Fault of(Path file) throws IOException;
  }

  private void inspect(TableData table, int row, Path file, Inspection inspection) {
    files.incrementAndGet();
    try {
      FileInspector.Fault fault = inspection.of(file);
      if (fault != null) {
        fault(
            table,
            row,
            fault.expected(),
            String.format(Locale.ROOT, "%s (file %s)", fault.actual(), file));
      }
    } catch (IOException e) {
      fault(table, row, "a readable file", PathFaults.reason(e));
    }
  }

  /** The file a record names; null if it is not there or lies outside the data set. */
  private @Nullable Path locate(TableData table, int row) {
    String name = table.text("filename", row);
    if (name.isEmpty()) {
      if (table.ints("filename").get(row) != Column.Ints.MISSING) {
        fault(table, row, "the name of a file", "\"\"");
      }
      return null;
    }
    Path file = set.file(table, row);
    if (file == null) {
      fault(table, row, "the name of a file below the data folder", name);
      return null;
    }
    String problem = PathFaults.asFile(file);
    if (problem == null) {
      return file;
    }
    if (Files.exists(file)) {
      fault(table, row, "a file that can be read", file + ", which " + problem);
    } else if (!set.allows(Allowance.MISSING_FILES)) {
      String allowance = " (allowed by " + Allowance.MISSING_FILES.label() + ")";
      fault(table, row, "a file", "no file " + file + allowance);
    }
    return null;
  }

  private void fault(TableData table, int row, String expected, String actual) {
    findings.add(
        new Finding(Rule.FILE, table.name(), table.label(row), "filename", expected, actual));
  }
}
