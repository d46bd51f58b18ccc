package dev.bevel.torch.autograd;

import static dev.bevel.torch.autograd.TestFunctions.outputs;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TorchException;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a function's author returns and may not: each is told, by the method's name. */
@SuppressWarnings("NullAway") // nulls where none may be
class ReturnedTensorsTest {
  private enum Returned {
    NO_ARRAY("null", () -> null),
    TOO_FEW("none", () -> new Tensor[0]),
    NULL("is null", () -> new Tensor[] {null}),
    CLOSED("is closed", () -> new Tensor[] {closed()}),
    UNDEFINED("is an undefined tensor", () -> new Tensor[] {new Tensor()});

    final String word;
    final Supplier<@Nullable Tensor[]> value;

    Returned(String word, Supplier<@Nullable Tensor[]> value) {
      this.word = word;
      this.value = value;
    }

    private static Tensor closed() {
      try (TensorScope gone = TensorScope.open()) {
        return torch.ones(2);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Returned.class)
  void byForward(Returned returned) {
    try (TensorScope scope = TensorScope.open()) {
      for (boolean gradient : new boolean[] {false, true}) {
        Tensor x = torch.ones(2).requires_grad_(gradient);
        Function function =
            TestFunctions.of((context, in) -> returned.value.get(), (context, grad) -> grad);
        assertThatThrownBy(() -> function.apply(x))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageStartingWith("TestFunction.forward: ")
            .hasMessageContaining(returned.word);
      }
    }
  }

  /** Null for one input is zero, and allowed. */
  @ParameterizedTest
  @EnumSource(value = Returned.class, mode = EnumSource.Mode.EXCLUDE, names = "NULL")
  void byBackward(Returned returned) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = torch.ones(2).requires_grad_(true);
      Function function =
          TestFunctions.of(
              (context, in) -> outputs(in[0].clone()), (context, grad) -> returned.value.get());
      String word = returned == Returned.TOO_FEW ? "got 0" : returned.word;
      assertThatThrownBy(() -> Autograd.backward(function.apply(x)[0].sum()))
          .isInstanceOf(TorchException.class)
          .hasCauseInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("TestFunction.backward: ")
          .hasMessageContaining(word);
    }
  }
}
