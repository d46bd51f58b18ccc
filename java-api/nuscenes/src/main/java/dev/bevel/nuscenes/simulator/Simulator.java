package dev.bevel.nuscenes.simulator;

import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.FileOutput;
import dev.bevel.nuscenes.Folders;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathFaults;
import dev.bevel.nuscenes.simulator.SceneRecorder.Observation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Makes a data set in nuScenes' format of made-up towns with traffic, seen by six cameras and a
 * LiDAR: all thirteen tables in {@value #VERSION}, images, LiDAR sweeps, map masks and the splits
 * {@code sim_train} and {@code sim_val}. There is no radar.
 *
 * <p>All follows from the settings: the same settings give the same files, byte for byte, with one
 * build of Java, however many threads there are.
 */
public final class Simulator {
  /** Name of the tables' folder. */
  public static final String VERSION = "v1.0-sim";

  private static final long PATIENCE_SECONDS = 30;

  private final SimulationSettings settings;
  private final Path folder;
  private final ProgressListener listener;
  private final ExecutorService pool;
  private int done;

  private Simulator(SimulationSettings settings, Path folder, ProgressListener listener) {
    this.settings = settings;
    this.folder = folder;
    this.listener = listener;
    this.pool =
        Executors.newFixedThreadPool(
            settings.threads(), Thread.ofPlatform().name("bevel-simulator-", 0).daemon().factory());
  }

  /**
   * Simulates and writes a data set. It is written beside {@code out} under another name and
   * renamed when it is complete; symbolic links are followed. If this fails, or the thread is
   * interrupted, nothing remains.
   *
   * @param out the data folder; must not exist or be empty
   * @param listener hears of each key frame
   * @throws NuScenesException if {@code out} is in the way, something cannot be written, or the
   *     thread was interrupted (it stays so)
   */
  public static void run(SimulationSettings settings, Path out, ProgressListener listener) {
    requireFree(out);
    Path target = target(out);
    Path parent = target.getParent();
    if (parent == null) {
      throw new NuScenesException("the folder for the simulated data cannot be " + out);
    }
    Path temporary = parent.resolve(AtomicFile.temporaryName(target));
    try {
      Tables.createFolders(temporary);
      Simulator simulator = new Simulator(settings, temporary, listener);
      try {
        simulator.simulate();
      } finally {
        simulator.stop();
      }
      Files.deleteIfExists(target);
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | UncheckedIOException e) {
      throw unwritable(out, e);
    } finally {
      delete(temporary);
    }
  }

  /**
   * Checks that a data set can be made in a folder, as {@link #run} does first.
   *
   * @throws NuScenesException if something is in the way
   */
  public static void requireFree(Path out) {
    checkFree(target(out));
  }

  private static Path target(Path out) {
    try {
      Path target = FileOutput.followed(out);
      String fault = PathFaults.asNewFolder(out);
      Path parent = target.getParent();
      if (fault != null && parent != null && !Files.isDirectory(parent)) {
        throw new NuScenesException(out + " " + fault);
      }
      return target;
    } catch (IOException e) {
      throw unwritable(out, e);
    }
  }

  private static NuScenesException unwritable(Path out, Exception e) {
    String words = PathFaults.reason(e);
    if (e instanceof FileSystemException f
        && f.getFile() != null
        && !(e instanceof AccessDeniedException)) {
      words = f.getFile() + ": " + words;
    }
    return new NuScenesException(
        String.format(Locale.ROOT, "simulated data cannot be written to %s: %s", out, words), e);
  }

  private static void checkFree(Path target) {
    if (Files.exists(target) && !Files.isDirectory(target)) {
      throw new NuScenesException(target + " is a file; simulated data needs a folder of its own");
    }
    if (Files.isDirectory(target)) {
      try (Stream<Path> entries = Files.list(target)) {
        if (entries.findAny().isPresent()) {
          throw new NuScenesException(
              "folder " + target + " is not empty; simulated data needs a new or empty folder");
        }
      } catch (IOException e) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT, "folder %s cannot be read: %s", target, PathFaults.reason(e)),
            e);
      }
    }
  }

  private void simulate() throws IOException {
    List<SceneRecord> records = new ArrayList<>();
    Future<SceneRecorder> next = begin(0);
    for (int index = 0; index < settings.scenes(); index++) {
      SceneRecorder recorder = await(next);
      if (index + 1 < settings.scenes()) {
        next = begin(index + 1);
      }
      Future<Void> map = pool.submit(writeMap(recorder, index));
      List<Future<Observation>> observations = new ArrayList<>();
      for (int sample = 0; sample < settings.samples(); sample++) {
        int number = sample;
        observations.add(pool.submit(() -> recorder.record(number)));
      }
      records.add(collect(recorder, observations));
      await(map);
    }
    Path tables = folder.resolve(VERSION);
    Files.createDirectories(tables);
    Tables.write(tables, settings, records);
  }

  private Future<SceneRecorder> begin(int index) {
    return pool.submit(() -> new SceneRecorder(settings, index, folder));
  }

  private Callable<Void> writeMap(SceneRecorder recorder, int index) {
    return () -> {
      recorder.writeMap(folder.resolve(Tables.mapFile(settings, index)));
      return null;
    };
  }

  private SceneRecord collect(SceneRecorder recorder, List<Future<Observation>> futures)
      throws IOException {
    List<Observation> observations = new ArrayList<>();
    for (Future<Observation> future : futures) {
      observations.add(await(future));
      done++;
      listener.progress(done, settings.scenes() * settings.samples());
    }
    return recorder.summary(observations);
  }

  private static <T> T await(Future<T> future) throws IOException {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new NuScenesException("the simulation was interrupted; nothing was written", e);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      if (cause instanceof Error error) {
        throw error;
      }
      if (cause instanceof RuntimeException runtime) {
        throw runtime;
      }
      throw cause instanceof IOException io ? io : new IOException(cause);
    }
  }

  /** Ends all work; what is under way is awaited, since it still writes files. */
  private void stop() {
    pool.shutdownNow();
    boolean interrupted = Thread.interrupted();
    try {
      if (!pool.awaitTermination(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        throw new NuScenesException("the simulation's threads did not end");
      }
    } catch (InterruptedException e) {
      interrupted = true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static void delete(Path folder) {
    try {
      Folders.delete(folder);
    } catch (IOException e) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "temporary folder %s cannot be deleted: %s",
              folder,
              PathFaults.reason(e)),
          e);
    }
  }
}
