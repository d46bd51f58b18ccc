package dev.bevel.torch.model;

import org.bytedeco.pytorch.Tensor;

/**
 * Receives intermediate tensors of a detector by name while it runs: for distillation, for
 * comparison with upstream, for pictures. A tensor is lent for the duration of the call; it belongs
 * to the scope of the forward pass.
 */
public interface Taps {
  /** Receives nothing. */
  Taps NONE =
      new Taps() {
        @Override
        public boolean wants(String name) {
          return false;
        }

        @Override
        public void accept(String name, Tensor tensor) {}
      };

  /**
   * Whether {@link #accept} has a use for this name; tensors that exist for taps alone are not
   * computed otherwise.
   */
  boolean wants(String name);

  /** Receives a tensor. Names it has no use for are ignored. */
  void accept(String name, Tensor tensor);
}
