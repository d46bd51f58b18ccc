/** Lift-splat at the shapes of BEVDet, BEVDepth and BEVFusion, and its peers. */
@NullMarked
package dev.bevel.bench.liftsplat;

import org.jspecify.annotations.NullMarked;
