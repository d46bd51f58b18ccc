package dev.bevel.kernels;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/**
 * Calls operators in ways that ended a process; run in JVMs of their own by {@link ThreadsTest}.
 */
final class ThreadsProbe {
  private static final long SEED = 20261130;

  private ThreadsProbe() {}

  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "convolve" -> convolve(Integer.parseInt(arguments[1]));
      case "callers" -> callers(Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]));
      case "setters" -> setters(Long.parseLong(arguments[1]));
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  /** A convolution and its gradients, with memory of its own. */
  private static final class Convolution {
    private final TensorView out;
    private final TensorView gradInput;
    private final TensorView gradWeight;
    private final TensorView gradOut;
    private final DeformConvInputs inputs;

    Convolution(Arena arena) {
      Random random = new Random(SEED);
      TensorView input = filled(arena, random, 2, 16, 20, 20);
      TensorView offset = filled(arena, random, 2, 18, 20, 20);
      TensorView weight = filled(arena, random, 16, 16, 3, 3);
      inputs = new DeformConvInputs(input, offset, null, weight, DeformConvSettings.of(1, 1, 1));
      out = TensorView.allocate(arena, DType.FLOAT32, 2, 16, 20, 20);
      gradOut = filled(arena, random, 2, 16, 20, 20);
      gradInput = TensorView.allocate(arena, DType.FLOAT32, 2, 16, 20, 20);
      gradWeight = TensorView.allocate(arena, DType.FLOAT32, 16, 16, 3, 3);
    }

    /** The bits that it writes on so many threads; 0: those of the process. */
    int run(int threads) {
      CallSettings settings = CallSettings.DEFAULT.withThreads(threads);
      DeformConv.forward(inputs, out, settings);
      DeformConv.backward(
          inputs,
          gradOut,
          DeformConvGradients.none().withInput(gradInput).withWeight(gradWeight),
          settings);
      return Arrays.hashCode(new int[] {bits(out), bits(gradInput), bits(gradWeight)});
    }
  }

  private static TensorView filled(Arena arena, Random random, long... shape) {
    TensorView view = TensorView.allocate(arena, DType.FLOAT32, shape);
    for (long i = 0; i < view.byteSize() / Float.BYTES; i++) {
      view.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat() * 2 - 1);
    }
    return view;
  }

  private static int bits(TensorView view) {
    return Arrays.hashCode(view.segment().toArray(ValueLayout.JAVA_INT));
  }

  private static void convolve(int threads) {
    try (Arena arena = Arena.ofConfined()) {
      Convolution convolution = new Convolution(arena);
      int one = convolution.run(1);
      Bevel.setThreads(threads);
      System.out.printf(Locale.ROOT, "same bits: %b%n", convolution.run(0) == one);
    }
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> System.out.println("the JVM ended as it should")));
  }

  private static void callers(int callers, int threads) throws InterruptedException, IOException {
    Bevel.setThreads(threads);
    AtomicBoolean same = new AtomicBoolean(true);
    List<Thread> all = new ArrayList<>();
    for (int i = 0; i < callers; i++) {
      Thread caller =
          new Thread(
              () -> {
                try (Arena arena = Arena.ofConfined()) {
                  Convolution convolution = new Convolution(arena);
                  int one = convolution.run(1);
                  for (int again = 0; again < 20; again++) {
                    same.compareAndSet(true, convolution.run(0) == one);
                  }
                }
              });
      caller.start();
      all.add(caller);
    }
    for (Thread caller : all) {
      caller.join();
    }
    System.out.printf(Locale.ROOT, "same bits: %b; %d workers%n", same.get(), workers());
  }

  /** Bevel's own threads in this process, by their names. */
  private static long workers() throws IOException {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks.filter(ThreadsProbe::isWorker).count();
    }
  }

  private static boolean isWorker(Path task) {
    try {
      return Files.readString(task.resolve("comm")).startsWith("bevel-");
    } catch (IOException ended) {
      return false;
    }
  }

  /** One thread changes the number of threads, as the API allows, others call. */
  private static void setters(long milliseconds) throws InterruptedException {
    long until = System.nanoTime() + milliseconds * 1_000_000;
    Thread setter =
        new Thread(
            () -> {
              for (int i = 0; System.nanoTime() < until; i++) {
                Bevel.setThreads((i & 1) == 0 ? 1 : 24);
              }
            });
    setter.start();
    boolean same = true;
    int calls = 0;
    try (Arena arena = Arena.ofConfined()) {
      Convolution convolution = new Convolution(arena);
      int one = convolution.run(1);
      while (System.nanoTime() < until) {
        same &= convolution.run(0) == one;
        calls++;
        sample();
      }
    }
    setter.join();
    System.out.printf(Locale.ROOT, "same bits: %b in %d calls%n", same, calls);
  }

  /** A backward with a buffer a thread: 16-bit values. */
  private static void sample() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView value = TensorView.allocate(arena, DType.BFLOAT16, 1, 256, 8, 4);
      TensorView locations = TensorView.allocate(arena, DType.FLOAT32, 1, 4, 8, 1, 4, 2);
      TensorView weights = TensorView.allocate(arena, DType.FLOAT32, 1, 4, 8, 1, 4);
      TensorView gradOut = TensorView.allocate(arena, DType.FLOAT32, 1, 4, 32);
      TensorView gradValue = TensorView.allocate(arena, DType.BFLOAT16, 1, 256, 8, 4);
      MsdaInputs inputs = new MsdaInputs(value, ValueLevels.of(16, 16), locations, weights);
      Msda.backward(inputs, gradOut, MsdaGradients.none().withValue(gradValue));
    }
  }
}
