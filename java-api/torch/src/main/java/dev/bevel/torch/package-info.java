/**
 * What every use of LibTorch from Java needs: start-up ({@link dev.bevel.torch.Torch}), the scope
 * that owns a step's tensors ({@link dev.bevel.torch.TensorScope}) and errors without C++
 * backtraces ({@link dev.bevel.torch.TorchException}).
 */
@NullMarked
package dev.bevel.torch;

import org.jspecify.annotations.NullMarked;
