/** Tests of the simulator. */
@NullMarked
package dev.bevel.nuscenes.simulator;

import org.jspecify.annotations.NullMarked;
