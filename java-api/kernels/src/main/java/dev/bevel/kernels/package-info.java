/**
 * Typed operators over Bevel's C ABI, {@link dev.bevel.kernels.LiftSplat}, {@link
 * dev.bevel.kernels.Msda} and {@link dev.bevel.kernels.DeformAttn} among them, the tensors they
 * take ({@link dev.bevel.kernels.TensorView}) and the library itself ({@link
 * dev.bevel.kernels.Bevel}).
 */
@NullMarked
package dev.bevel.kernels;

import org.jspecify.annotations.NullMarked;
