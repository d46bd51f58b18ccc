package dev.bevel.testing;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Gives a parser many damaged variants of good files, one at a time. Each must be parsed or refused
 * with one kind of exception and one line of text, quickly, and without allocating more on the Java
 * heap than the file's size warrants. Variants follow from the test's seed and their number: a
 * failure names both, and {@code -Dbevel.test.variant=N} runs that one only.
 */
public final class Fuzz {
  /** Whether {@code -Dbevel.test.long=true} asks for the long form of the tests that have one. */
  public static final boolean LONG = Boolean.getBoolean("bevel.test.long");

  private static final int LONG_FACTOR = 10;
  private static final int ATTEMPTS = 3;
  private static final double MAX_SECONDS = 10;
  private static final double HANG_SECONDS = 60;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final String name;
  private final Path file;
  private final Mutator mutator;
  private final long seed;
  private final Class<? extends RuntimeException> refusal;

  private volatile int variant = -1;
  private volatile long started;
  private int refused;
  private double slowest;
  private double hungriest;

  /** Reads the file; throws the refusal if it cannot be used. */
  @FunctionalInterface
  public interface Parser {
    /** Reads one variant. */
    void parse(Path file);
  }

  /**
   * What a parser may allocate for a file.
   *
   * @param constant bytes
   * @param perByte bytes for each of the file's
   */
  public record Budget(long constant, double perByte) {
    double bytes(long size) {
      return constant + perByte * size;
    }
  }

  /**
   * What happened.
   *
   * @param variants tried
   * @param refused of those
   */
  public record Report(int variants, int refused) {}

  /**
   * @param name of the parser, for messages
   * @param file where the variants are written, which may have good contents before and after
   * @param sources good files
   * @param seed of the test
   * @param refusal the only exception that may come
   */
  public Fuzz(
      String name,
      Path file,
      List<byte[]> sources,
      long seed,
      Class<? extends RuntimeException> refusal) {
    this.name = name;
    this.file = file;
    this.mutator = new Mutator(sources);
    this.seed = seed;
    this.refusal = refusal;
  }

  /**
   * Runs the parser on the sources, which it must accept, and then on the variants; leaves the
   * first source in the file.
   *
   * @param variants how many, ten times as many with {@code -Dbevel.test.long=true}
   * @throws AssertionError naming the variant if one misbehaves
   */
  public Report run(int variants, Budget budget, Parser parser) {
    int count = LONG ? LONG_FACTOR * variants : variants;
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    Thread worker =
        Thread.ofPlatform()
            .daemon()
            .name("fuzz-" + name)
            .start(
                () -> {
                  try {
                    runAll(count, budget, parser);
                  } catch (Throwable e) {
                    failure.set(e);
                  }
                });
    await(worker);
    if (failure.get() != null) {
      throw new AssertionError(describe(variant), failure.get());
    }
    System.out.printf(
        Locale.ROOT,
        "%s: %d variants, %d refused, slowest %.0f ms, at most %.0f %% of the memory allowed%n",
        name,
        count,
        refused,
        slowest * 1e3,
        hungriest * 100);
    return new Report(count, refused);
  }

  private void await(Thread worker) {
    started = System.nanoTime();
    try {
      while (!worker.join(Duration.ofMillis(200))) {
        if ((System.nanoTime() - started) * 1e-9 > HANG_SECONDS) {
          throw new AssertionError(
              describe(variant) + " hangs:\n" + List.of(worker.getStackTrace()));
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(describe(variant) + ": interrupted", e);
    }
  }

  private String describe(int number) {
    return String.format(
        Locale.ROOT,
        "%s, seed %d, variant %d (alone: -Dbevel.test.variant=%d)",
        name,
        seed,
        number,
        number);
  }

  private void runAll(int count, Budget budget, Parser parser) throws IOException {
    for (byte[] source : mutator.sources().reversed()) {
      Files.write(file, source);
      parser.parse(file);
    }
    int only = Integer.getInteger("bevel.test.variant", -1);
    for (int i = 0; i < count; i++) {
      if (only < 0 || only == i) {
        variant = i;
        byte[] bytes = mutator.mutate(new SplittableRandom(31 * seed + i));
        overwrite(bytes);
        one(bytes.length, budget, parser);
      }
    }
    Files.write(file, mutator.sources().getFirst());
  }

  /** Never cut to nothing first: file systems flush what replaces a file that was. */
  private void overwrite(byte[] bytes) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
      channel.truncate(bytes.length);
    }
  }

  /** Other threads allocate too and may hold this one up, so what is too much is tried again. */
  private void one(int size, Budget budget, Parser parser) {
    String excess = "";
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      excess = excess(size, budget, parser);
      if (excess.isEmpty()) {
        return;
      }
    }
    throw new AssertionError(excess);
  }

  private String excess(int size, Budget budget, Parser parser) {
    started = System.nanoTime();
    long before = THREADS.getTotalThreadAllocatedBytes();
    boolean accepted = accepts(parser);
    long allocated = THREADS.getTotalThreadAllocatedBytes() - before;
    double seconds = (System.nanoTime() - started) * 1e-9;
    if (seconds > MAX_SECONDS) {
      return String.format(Locale.ROOT, "takes %.1f s", seconds);
    }
    if (allocated > budget.bytes(size)) {
      return String.format(
          Locale.ROOT,
          "allocates %d bytes for a file of %d, allowed are %.0f",
          allocated,
          size,
          budget.bytes(size));
    }
    refused += accepted ? 0 : 1;
    slowest = Math.max(slowest, seconds);
    hungriest = Math.max(hungriest, allocated / budget.bytes(size));
    return "";
  }

  private boolean accepts(Parser parser) {
    try {
      parser.parse(file);
      return true;
    } catch (RuntimeException e) {
      if (!refusal.isInstance(e)) {
        throw e;
      }
      assertThat(e.getMessage()).isNotBlank().doesNotContain("\n").hasSizeLessThan(2000);
      return false;
    }
  }
}
