package dev.bevel.torch.autograd;

import dev.bevel.torch.TensorHold;
import dev.bevel.torch.TorchException;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.jspecify.annotations.Nullable;

/**
 * Backward passes whose failures are readable: the C++ backtrace is cut off, and an exception that
 * Java code threw inside the pass is the cause. ({@link Tensor#backward()} works too, but LibTorch
 * then reduces such an exception to its text.)
 */
public final class Autograd {
  /**
   * What hooks threw, until the pass that they ended fetches it. Passes started elsewhere never do,
   * hence the limit.
   */
  private static final ConcurrentSkipListMap<Long, HookFailure> HOOK_FAILURES =
      new ConcurrentSkipListMap<>();

  /**
   * With its whole text: what crosses LibTorch is cut after about a thousand characters.
   *
   * @param operation of the hook
   * @param innermost of the hook of the innermost pass that failed, and what it threw
   * @param passes that were nested between the two
   * @param thrown by this hook
   */
  private record HookFailure(String operation, String innermost, int passes, Throwable thrown) {
    String message() {
      return switch (passes) {
        case 0 -> innermost;
        case 1 -> operation + ": in a backward pass of its own: " + innermost;
        default -> operation + ": " + passes + " backward passes deeper: " + innermost;
      };
    }
  }

  /** Of the exceptions that passes threw, so that the hook of an enclosing pass knows them. */
  private static final Map<Throwable, HookFailure> THROWN =
      Collections.synchronizedMap(new WeakHashMap<>());

  /** What the C library says where no thread can be started. */
  private static final String NO_THREAD = "Resource temporarily unavailable";

  private static final int MAX_HOOK_FAILURES = 16;
  private static final AtomicLong HOOK_FAILURE_COUNT = new AtomicLong();
  private static final Pattern HOOK_FAILURE = Pattern.compile("\\[hook failure (\\d+)\\] ");

  /** What JavaCPP throws where the garbage collector has taken the Java half of a hook. */
  private static final String COLLECTED_HOOK = "java.lang.NullPointerException";

  private Autograd() {}

  /**
   * Adds the gradients of a loss to the {@code grad} of every leaf that it depends on, and frees
   * the graph.
   *
   * @param loss one element
   * @throws TorchException if the pass fails
   */
  public static void backward(Tensor loss) {
    TensorHold.requireAny("Autograd.backward", "loss", loss);
    backward(loss, null, false);
  }

  /**
   * Adds vector-Jacobian products to the {@code grad} of every leaf that a tensor depends on.
   *
   * <p>Several threads, up to 16, may go backward over one graph at once if all of them retain it;
   * what they add to the leaves is the sum of their passes. If one does not, the others may fail,
   * as they would after it. Of more than 16 the oldest may fail, and say so.
   *
   * @param output any tensor with a history
   * @param gradient of the output, same shape; null for 1, where the output has one element
   * @param retainGraph whether the graph is kept for another pass
   * @throws TorchException if the pass fails
   */
  public static void backward(Tensor output, @Nullable Tensor gradient, boolean retainGraph) {
    TensorHold held = TensorHold.of("Autograd.backward", "output", output);
    try (Tensor none = new Tensor()) {
      if (gradient == null) {
        pass(output, none, retainGraph);
        return;
      }
      TensorHold seed = TensorHold.of("Autograd.backward", "gradient", gradient);
      try {
        pass(output, gradient, retainGraph);
      } finally {
        seed.release();
      }
    } finally {
      held.release();
    }
  }

  private static void pass(Tensor output, Tensor gradient, boolean retainGraph) {
    try (BoolOptional retain = new BoolOptional(retainGraph);
        TensorArrayRefOptional leaves = new TensorArrayRefOptional()) {
      output.backward(gradient, retain, false, leaves);
    } catch (RuntimeException e) {
      throw failure(e);
    }
  }

  /** Remembers what a hook threw and wraps it in what can cross LibTorch: a text. */
  static RuntimeException hookFailure(String operation, Throwable thrown) {
    long number = HOOK_FAILURE_COUNT.incrementAndGet();
    HookFailure failure = describe(operation, thrown);
    HOOK_FAILURES.put(number, failure);
    while (HOOK_FAILURES.size() > MAX_HOOK_FAILURES) {
      HOOK_FAILURES.pollFirstEntry();
    }
    return new IllegalStateException("[hook failure " + number + "] " + failure.message(), thrown);
  }

  private static HookFailure describe(String operation, Throwable thrown) {
    HookFailure nested = THROWN.get(unwrapped(thrown));
    if (nested != null) {
      return new HookFailure(operation, nested.innermost, nested.passes + 1, thrown);
    }
    String text = thrown instanceof RuntimeException ? thrown.getMessage() : thrown.toString();
    return new HookFailure(operation, operation + ": " + TorchException.trim(text), 0, thrown);
  }

  /** What a wrapper holds that says nothing of its own, as one for another thread's exception. */
  private static Throwable unwrapped(Throwable thrown) {
    Throwable cause = thrown.getCause();
    return cause != null && cause.toString().equals(thrown.getMessage())
        ? unwrapped(cause)
        : thrown;
  }

  private static TorchException failure(RuntimeException thrown) {
    String message = TorchException.trim(thrown.getMessage());
    Matcher matcher = HOOK_FAILURE.matcher(message);
    if (message.equals(COLLECTED_HOOK)) {
      return new TorchException(
          "backward: the TensorScope in which a function of this graph was applied closed before"
              + " the pass was over",
          thrown);
    }
    if (!matcher.find()) {
      return message.contains(NO_THREAD) ? noThread(thrown) : TorchException.of("backward", thrown);
    }
    HookFailure failure = HOOK_FAILURES.remove(Long.valueOf(matcher.group(1)));
    if (failure == null) {
      return new TorchException(message.substring(matcher.end()), thrown);
    }
    TorchException translated = new TorchException(failure.message(), failure.thrown());
    THROWN.put(translated, failure);
    return translated;
  }

  private static TorchException noThread(RuntimeException thrown) {
    return new TorchException(
        "backward: LibTorch could not start a thread ("
            + TorchException.trim(thrown.getMessage())
            + "): it needs one for every 60 backward passes that are nested in one another; nest"
            + " fewer, or allow the process more threads (ulimit -u, the container's pids limit)",
        thrown);
  }
}
