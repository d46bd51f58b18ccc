/** Tests of the simulator. */
@NullMarked
package dev.bevel.nuscenes.simulator.world;

import org.jspecify.annotations.NullMarked;
