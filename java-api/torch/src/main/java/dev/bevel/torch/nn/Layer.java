package dev.bevel.torch.nn;

import org.bytedeco.pytorch.Tensor;

/** Something that maps one tensor to one tensor. */
@FunctionalInterface
public interface Layer {
  /** Applies this layer; the result belongs to the innermost scope of the thread. */
  Tensor forward(Tensor input);
}
