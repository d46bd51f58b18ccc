package dev.bevel.torch.autograd;

import dev.bevel.torch.TensorHold;
import dev.bevel.torch.TorchException;
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

  /** With its whole message: what crosses LibTorch is cut after about a thousand characters. */
  private record HookFailure(String message, Throwable thrown) {}

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
    String text = thrown instanceof RuntimeException ? thrown.getMessage() : thrown.toString();
    String whole = operation + ": " + TorchException.trim(text);
    HOOK_FAILURES.put(number, new HookFailure(whole, thrown));
    while (HOOK_FAILURES.size() > MAX_HOOK_FAILURES) {
      HOOK_FAILURES.pollFirstEntry();
    }
    return new IllegalStateException("[hook failure " + number + "] " + whole, thrown);
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
      return TorchException.of("backward", thrown);
    }
    HookFailure failure = HOOK_FAILURES.remove(Long.valueOf(matcher.group(1)));
    return failure == null
        ? new TorchException(message.substring(matcher.end()), thrown)
        : new TorchException(failure.message(), failure.thrown());
  }
}
