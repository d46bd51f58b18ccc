package dev.bevel.torch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.torch.TensorScope;
import java.lang.foreign.Arena;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorsTest {
  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte"})
  void elementsComeInRowMajorOrderWhateverTheLayout(ScalarType dtype) {
    Tensor plain = Tensors.of(new double[] {1, 2, 3, 4, 5, 6}, 2, 3).to(dtype);
    assertThat(Tensors.toDoubles(plain)).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(Tensors.toFloats(plain)).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(Tensors.toDoubles(plain.t())).containsExactly(1, 4, 2, 5, 3, 6);
    assertThat(Tensors.toFloats(plain.t())).containsExactly(1, 4, 2, 5, 3, 6);
    assertThat(Tensors.toFloats(plain.narrow(1, 1, 1).expand(new long[] {2, 2}, false)))
        .containsExactly(2, 2, 5, 5);
  }

  @Test
  void scalarsEmptyTensorsAndThoseWithHistoryAreCopied() {
    assertThat(Tensors.toDoubles(torch.zeros(0, 3))).isEmpty();
    assertThat(Tensors.toFloats(torch.ones(new long[0]))).containsExactly(1);
    Tensor leaf = Tensors.of(new float[] {2, 3}, 2).requires_grad_(true);
    float[] values = Tensors.toFloats(leaf.mul(leaf));
    assertThat(values).containsExactly(4, 9);
    values[0] = 7;
    assertThat(Tensors.toFloats(leaf)).containsExactly(2, 3);
  }

  @Test
  void whatDoesNotFitIsNamed() {
    assertThatThrownBy(() -> Tensors.of(new float[5], 2, 3))
        .hasMessage("Tensors.of: shape [2, 3] needs 6 values, got 5");
    assertThatThrownBy(() -> Tensors.memory(torch.zeros(2, 3).t(), Arena.ofAuto()))
        .hasMessage(
            "Tensors.memory: the tensor must be contiguous and on the CPU, got shape [3, 2] on cpu,"
                + " not contiguous");
  }
}
