/** Tests of the simulator. */
@NullMarked
package dev.bevel.nuscenes.simulator.town;

import org.jspecify.annotations.NullMarked;
