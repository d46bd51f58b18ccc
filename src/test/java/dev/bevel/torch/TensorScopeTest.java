package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Ownership of tensors by scopes, and LibTorch's start-up. */
class TensorScopeTest {
  @Test
  void javaCppRunsWithoutItsMemoryCap() {
    Torch.initialize();
    assertThat(Pointer.maxPhysicalBytes()).isZero();
  }

  @Test
  void tensorsEndWithTheirScope() {
    Tensor inside;
    try (TensorScope scope = TensorScope.open()) {
      inside = torch.zeros(3);
      assertThat(inside.isNull()).isFalse();
    }
    assertThat(inside.isNull()).isTrue();
  }

  @Test
  void keptTensorsMoveToTheEnclosingScope() {
    Tensor kept;
    try (TensorScope outer = TensorScope.open()) {
      try (TensorScope inner = TensorScope.open()) {
        kept = inner.keep(torch.ones(3).add(new Scalar(1f)));
      }
      assertThat(kept.sum().item_float()).isEqualTo(6);
    }
    assertThat(kept.isNull()).isTrue();
  }

  @Test
  void keptTensorsOfTheOutermostScopeBelongToTheCaller() {
    Tensor kept;
    try (TensorScope scope = TensorScope.open()) {
      kept = scope.keep(torch.ones(3));
    }
    assertThat(kept.isNull()).isFalse();
    kept.close();
    assertThat(kept.isNull()).isTrue();
  }

  @Test
  void keepingATensorMadeOutsideEveryScopeChangesNothing() {
    Tensor outside = torch.ones(3);
    try (TensorScope outer = TensorScope.open();
        TensorScope inner = TensorScope.open()) {
      assertThat(inner.keep(outside)).isSameAs(outside);
    }
    assertThat(outside.isNull()).isFalse();
    outside.deallocate();
  }

  @Test
  void permanentObjectsOutliveScopes() {
    Scalar constant;
    try (TensorScope scope = TensorScope.open()) {
      constant = Torch.permanent(() -> new Scalar(2.5));
    }
    assertThat(constant.toDouble()).isEqualTo(2.5);
    constant.close();
  }

  @Test
  void resourcesCloseInReverseOrderAndTellTheirFailures() {
    List<String> closed = new ArrayList<>();
    TensorScope scope = TensorScope.open();
    scope.own(() -> closed.add("first"));
    scope.own(
        () -> {
          throw new java.io.IOException("second");
        });
    scope.own(() -> closed.add("third"));
    Tensor inside = torch.zeros(1);
    assertThatThrownBy(scope::close)
        .isInstanceOf(IllegalStateException.class)
        .hasRootCauseMessage("second");
    assertThat(closed).containsExactly("third", "first");
    assertThat(inside.isNull()).as("tensors are freed all the same").isTrue();
    assertThat(TensorScope.current()).isNull();
  }

  @Test
  void scopesCloseInnermostFirstOnTheirThread() throws InterruptedException {
    TensorScope outer = TensorScope.open();
    TensorScope inner = TensorScope.open();
    assertThatThrownBy(outer::close).hasMessageContaining("open scope inside it");
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    Thread thread = new Thread(() -> failure.set(catchThrowable(inner::close)), "other");
    thread.start();
    thread.join();
    assertThat(failure.get()).hasMessageContaining("called from 'other'");
    inner.close();
    inner.close();
    outer.close();
    assertThatThrownBy(() -> outer.own(() -> {})).hasMessageContaining("is closed");
  }

  @Test
  void aMissingScopeIsNamed() {
    assertThatThrownBy(() -> TensorScope.require("LiftSplatFunction"))
        .hasMessageStartingWith("LiftSplatFunction: no TensorScope is open on thread")
        .hasMessageContaining("TensorScope.open()");
  }

  @Test
  void libTorchMessagesAreTrimmed() {
    try (TensorScope scope = TensorScope.open()) {
      Throwable thrown = catchThrowable(() -> torch.zeros(2).view(3));
      TorchException translated = TorchException.of("reshape", (RuntimeException) thrown);
      assertThat(thrown).hasMessageContaining("frame #0");
      assertThat(translated)
          .hasMessage("reshape: shape '[3]' is invalid for input of size 2")
          .hasCause(thrown);
      RuntimeException other = new IllegalArgumentException("mine");
      assertThat(TorchException.translate("x", other)).isSameAs(other);
      assertThat(TorchException.trim(null)).isEqualTo("no message");
    }
  }
}
