/**
 * The benchmark of deformable attention, and the double reference that results are checked with.
 */
@NullMarked
package dev.bevel.bench.deformattn;

import org.jspecify.annotations.NullMarked;
