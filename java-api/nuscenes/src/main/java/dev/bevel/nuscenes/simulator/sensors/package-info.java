/** The cameras' renderer and the LiDAR's scanner. Both see the same triangles. */
@NullMarked
package dev.bevel.nuscenes.simulator.sensors;

import org.jspecify.annotations.NullMarked;
