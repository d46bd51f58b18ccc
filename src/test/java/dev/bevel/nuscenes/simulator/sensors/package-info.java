/** Tests of the simulator. */
@NullMarked
package dev.bevel.nuscenes.simulator.sensors;

import org.jspecify.annotations.NullMarked;
