/**
 * The binding itself: struct layouts, method handles, per-thread scratch memory and the loader. Not
 * exported.
 */
@NullMarked
package dev.bevel.kernels.internal;

import org.jspecify.annotations.NullMarked;
