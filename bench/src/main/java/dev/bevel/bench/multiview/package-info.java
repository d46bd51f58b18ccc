/** Feature sampling in several cameras against LibTorch. */
@NullMarked
package dev.bevel.bench.multiview;

import org.jspecify.annotations.NullMarked;
