package dev.bevel.torch.nn;

import org.bytedeco.pytorch.Tensor;

/**
 * A container that gives its members the names they have upstream, where these are positions in a
 * sequence with parameterless layers in between (a convolution at 0, its norm at 1, a ReLU at 2
 * that has no name here, the next convolution at 3).
 */
public final class NamedModules extends Module {
  /** An empty container. */
  public NamedModules() {}

  /** Registers a member and takes ownership of it. */
  public <M extends Module> M add(String name, M module) {
    return child(name, module);
  }

  /** Registers a buffer and takes ownership of it. */
  public Tensor addBuffer(String name, Tensor tensor) {
    return buffer(name, tensor);
  }
}
