/** Warps of bird's-eye-view maps against LibTorch's affine_grid and grid_sample. */
@NullMarked
package dev.bevel.bench.bevwarp;

import org.jspecify.annotations.NullMarked;
