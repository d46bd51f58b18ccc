package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Views whose memory is gone, elsewhere or too much, by the policy of the package. */
class ViewFaultsTest {
  @Test
  void ofAClosedArena() {
    TensorView[] views = new TensorView[3];
    Arena arena = Arena.ofConfined();
    views[0] = TensorView.allocate(arena, DType.FLOAT32, 2, 1);
    views[1] = TensorView.allocate(arena, DType.FLOAT64, 2);
    views[2] = TensorView.allocate(arena, DType.INT32, 2);
    arena.close();
    List<ThrowingCallable> readers =
        List.of(
            () -> views[0].toFloatArray(),
            () -> views[1].toDoubleArray(),
            () -> views[2].toIntArray());
    for (int i = 0; i < views.length; i++) {
      assertThatThrownBy(readers.get(i))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("TensorView: " + views[i] + " is closed: its arena was closed");
    }
    assertThatThrownBy(() -> TensorView.allocate(arena, DType.FLOAT32, 2))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("TensorView: arena is closed");
    assertThatThrownBy(() -> TensorView.copyOf(arena, new float[] {1}, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("TensorView: arena is closed");
  }

  @Test
  void ofAnotherThreadsArena() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      TensorView view = TensorView.allocate(arena, DType.FLOAT32, 2, 1);
      String why = " confined arena of another thread";
      assertThat(elsewhere(view::toFloatArray))
          .isInstanceOf(WrongThreadException.class)
          .hasMessage("TensorView: float32[2, 1] on cpu belongs to a" + why);
      assertThat(elsewhere(() -> TensorView.allocate(arena, DType.FLOAT32, 2)))
          .isInstanceOf(WrongThreadException.class)
          .hasMessage("TensorView: arena is a" + why);
    }
  }

  private static Throwable elsewhere(ThrowingCallable call)
      throws InterruptedException, ExecutionException {
    return CompletableFuture.supplyAsync(() -> catchThrowable(call)).get();
  }

  @Test
  void moreThanThereIsMemory() {
    try (Arena arena = Arena.ofConfined()) {
      for (long size : new long[] {1L << 40, 1L << 50, 1L << 60}) {
        assertThatThrownBy(() -> TensorView.allocate(arena, DType.FLOAT32, size))
            .isInstanceOf(BevelException.class)
            .hasMessageStartingWith("TensorView: no memory for the " + size * 4 + " bytes of float")
            .hasMessageContaining("-XX:MaxDirectMemorySize")
            .extracting(e -> ((BevelException) e).status())
            .isEqualTo(Status.OUT_OF_MEMORY);
      }
    }
  }

  @Test
  void moreThanAJavaArrayHolds() {
    for (long size : new long[] {Integer.MAX_VALUE - 7L, Integer.MAX_VALUE, 1L << 40}) {
      TensorView view = TensorView.ofAddress(4096, DType.FLOAT32, Device.CPU, size);
      assertThatThrownBy(view::toFloatArray)
          .isInstanceOf(BevelException.class)
          .hasMessageContaining("has " + size + " elements, more than the 2147483639 of a Java");
    }
  }
}
