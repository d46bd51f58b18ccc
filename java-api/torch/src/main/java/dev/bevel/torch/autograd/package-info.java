/**
 * Differentiable operators written in Java over LibTorch's autograd: {@link
 * dev.bevel.torch.autograd.Function}, shaped like {@code torch.autograd.Function}, and Bevel's
 * kernels as such functions.
 */
@NullMarked
package dev.bevel.torch.autograd;

import org.jspecify.annotations.NullMarked;
