package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.Device;
import dev.bevel.kernels.TensorView;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** LibTorch tensors seen as Bevel's views. */
class TensorViewsTest {
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
  void theMemoryIsShared() {
    Tensor tensor = Tensor.create(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
    TensorView view = TensorViews.of(tensor);
    assertThat(view.shape()).containsExactly(2, 3);
    assertThat(view.device()).isEqualTo(Device.CPU);
    assertThat(view.toFloatArray()).containsExactly(1, 2, 3, 4, 5, 6);
    tensor.fill_(new org.bytedeco.pytorch.Scalar(7f));
    assertThat(view.toFloatArray()).containsOnly(7);
  }

  @Test
  void slicesAndPermutationsKeepOffsetAndStrides() {
    Tensor whole =
        torch.arange(new org.bytedeco.pytorch.Scalar(24.0)).to(ScalarType.Float).view(2, 3, 4);
    Tensor slice = whole.narrow(2, 1, 2).permute(2, 0, 1);
    TensorView view = TensorViews.of(slice);
    assertThat(view.shape()).containsExactly(2, 2, 3);
    assertThat(view.stride(0)).isEqualTo(1);
    assertThat(view.stride(1)).isEqualTo(12);
    assertThat(view.stride(2)).isEqualTo(4);
    assertThat(view.address()).isEqualTo(whole.data_ptr().address() + Float.BYTES);
    TensorView row = TensorViews.of(whole.select(0, 1).select(0, 2));
    assertThat(row.toFloatArray()).containsExactly(20, 21, 22, 23);
  }

  @Test
  void everyDtypeOfTheKernels() {
    for (DType dtype : DType.values()) {
      ScalarType type =
          switch (dtype) {
            case FLOAT32 -> ScalarType.Float;
            case FLOAT64 -> ScalarType.Double;
            case FLOAT16 -> ScalarType.Half;
            case BFLOAT16 -> ScalarType.BFloat16;
            case INT32 -> ScalarType.Int;
            case INT64 -> ScalarType.Long;
            case UINT8 -> ScalarType.Byte;
            case BOOL -> ScalarType.Bool;
          };
      TensorView view = TensorViews.of(torch.zeros(3).to(type));
      assertThat(view.dtype()).isEqualTo(dtype);
      assertThat(view.byteSize()).isEqualTo(3L * dtype.byteSize());
    }
    Tensor complex = torch.view_as_complex(torch.ones(3, 2));
    assertThatThrownBy(() -> TensorViews.of(torch.imag(complex.conj())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("resolve_neg()");
    assertThat(TensorViews.of(torch.imag(complex.conj()).resolve_neg()).toFloatArray())
        .containsOnly(-1);
    assertThatThrownBy(() -> TensorViews.of(torch.zeros(3).to(ScalarType.Short)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Short");
  }

  @Test
  void emptyAndUndefinedTensors() {
    assertThat(TensorViews.of(torch.zeros(0, 4)).elementCount()).isZero();
    assertThat(TensorViews.of(torch.zeros(new long[0])).rank()).isZero();
    assertThatThrownBy(() -> TensorViews.of(new Tensor())).hasMessageContaining("undefined");
    assertThatThrownBy(() -> TensorViews.of(torch.zeros(2, 2).to_sparse()))
        .hasMessageContaining("dense");
    assertThat(CudaStreams.current(torch.zeros(1))).isZero();
  }
}
