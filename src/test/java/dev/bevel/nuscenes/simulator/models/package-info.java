/** Tests of the simulator. */
@NullMarked
package dev.bevel.nuscenes.simulator.models;

import org.jspecify.annotations.NullMarked;
