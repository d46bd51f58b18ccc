/** Checks of what Bevel's modules are given, with one wording. Not for programs outside. */
@NullMarked
package dev.bevel.kernels.checks;

import org.jspecify.annotations.NullMarked;
