/** Whole-network comparison against upstream detectors. */
@NullMarked
package dev.bevel.torch.parity;

import org.jspecify.annotations.NullMarked;
