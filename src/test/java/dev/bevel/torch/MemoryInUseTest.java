package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.DeformConv;
import dev.bevel.kernels.DeformConvInputs;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.nn.Tensors;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Memory that Java code or a kernel uses stays where it is, whatever LibTorch is asked for. */
@Timeout(120)
class MemoryInUseTest {
  private static final String REFUSED = "not resizable";

  private TensorScope scope;

  @BeforeEach
  void openScope() {
    scope = TensorScope.open();
  }

  @AfterEach
  void closeScope() {
    scope.close();
  }

  @Test
  void itIsNotResizedUntilTheLastUseOfItsStorageEnds() {
    Tensor whole = torch.ones(4, 4);
    Tensor part = whole.narrow(0, 1, 2);
    try (Arena outer = Arena.ofConfined()) {
      Tensors.memory(whole, outer);
      try (Arena inner = Arena.ofConfined()) {
        Tensors.memory(part, inner);
        Tensors.memory(part, inner);
        assertThatThrownBy(() -> part.detach().resize_(100, 100)).hasMessageContaining(REFUSED);
      }
      assertThatThrownBy(() -> part.detach().resize_(100, 100)).hasMessageContaining(REFUSED);
      assertThatThrownBy(() -> whole.detach().resize_(100, 100)).hasMessageContaining(REFUSED);
      assertThat(whole.resize_(2, 2).shape()).as("smaller needs none").containsExactly(2, 2);
    }
    whole.resize_(100, 100).fill_(new org.bytedeco.pytorch.Scalar(3f));
    assertThat(Tensors.toFloats(whole)).hasSize(10_000).containsOnly(3);
  }

  @Test
  void itOutlivesTheTensorsNextStorage() {
    for (boolean data : new boolean[] {false, true}) {
      Tensor tensor = torch.ones(1 << 20);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment memory = Tensors.memory(tensor, arena);
        if (data) {
          tensor.set_data(torch.zeros(1 << 20));
        } else {
          tensor.set_(torch.zeros(1 << 20));
        }
        Tensor elsewhere = torch.full(new long[] {1 << 20}, new org.bytedeco.pytorch.Scalar(2f));
        assertThat(elsewhere.data_ptr().address()).isNotEqualTo(memory.address());
        assertThat(memory.getAtIndex(ValueLayout.JAVA_FLOAT, 77)).isEqualTo(1);
      }
    }
  }

  /** LibTorch sets the shape before it finds that it cannot have the memory. */
  @Test
  void aTensorWhoseResizeFailedIsRefused() {
    Tensor tensor = torch.ones(4);
    try (Arena arena = Arena.ofConfined()) {
      Tensors.memory(tensor, arena);
      assertThatThrownBy(() -> tensor.resize_(1000, 1000)).hasMessageContaining(REFUSED);
      assertThatThrownBy(() -> Tensors.memory(tensor, arena))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("Tensors.memory: tensor has the shape [1000, 1000]")
          .hasMessageContaining("16 bytes");
    }
    assertThatThrownBy(() -> TensorViews.of(tensor))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a resize_ of it failed");
    assertThat(TensorViews.of(torch.ones(3, 4).t().narrow(0, 1, 3)).byteSize()).isPositive();
    assertThat(TensorViews.of(torch.ones(1, 1).expand(1000, 1000)).elementCount())
        .isEqualTo(1_000_000);
  }

  /** As at the moment in which another thread's resize_ copies the elements. */
  @Test
  void aTensorThatIsBeingResizedIsNotUsed() {
    Tensor tensor = torch.ones(4);
    TensorView view = TensorViews.of(tensor);
    try (Arena arena = Arena.ofConfined()) {
      Tensors.memory(tensor, arena);
      assertThatThrownBy(() -> tensor.resize_(1000, 1000)).hasMessageContaining(REFUSED);
      assertThatThrownBy(view::toFloatArray)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("is closed: LibTorch has replaced the tensor's memory");
    }
    assertThat(tensor.resize_(2).shape()).containsExactly(2);
    assertThat(view.toFloatArray()).as("smaller, in the same memory").containsOnly(1);
  }

  @Test
  void aKernelsCallKeepsItOnAnotherThread() throws Exception {
    int changed = 0;
    try (ExecutorService threads = Executors.newSingleThreadExecutor()) {
      for (int round = 0; round < 12; round++) {
        Tensor input = torch.ones(1, 8, 400, 400);
        TensorView view = TensorViews.of(input);
        TensorView offset = TensorViews.of(torch.zeros(1, 18, 400, 400));
        TensorView weight = TensorViews.of(torch.ones(1, 8, 3, 3));
        Tensor result = torch.zeros(1, 1, 400, 400);
        TensorView out = TensorViews.of(result);
        var inputs =
            new DeformConvInputs(view, offset, null, weight, DeformConvSettings.of(1, 1, 1));
        Future<?> call = threads.submit(() -> DeformConv.forward(inputs, out));
        while (input.storage().resizable() && !call.isDone()) {
          Thread.onSpinWait();
        }
        if (!call.isDone()) {
          changed++;
          change(input, round);
        }
        call.get();
        assertThat(result.select(2, 200).min().item_float()).isEqualTo(48);
        assertThat(result.max().item_float()).isEqualTo(72);
      }
    }
    assertThat(changed).as("rounds in which it was changed during the call").isPositive();
  }

  private static void change(Tensor input, int round) {
    switch (round % 3) {
      case 0 ->
          assertThatThrownBy(() -> input.resize_(1, 8, 900, 900)).hasMessageContaining(REFUSED);
      case 1 -> input.set_(torch.zeros(1));
      default -> input.set_data(torch.zeros(1));
    }
  }
}
