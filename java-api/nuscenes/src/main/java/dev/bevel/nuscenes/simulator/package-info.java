/**
 * A made-up world in nuScenes' format: a town with traffic, seen by six cameras and a 32-beam
 * LiDAR. Every number follows from the seed alone, on any machine and for any number of threads; so
 * this package takes sines, powers and logarithms from {@link StrictMath} only.
 */
@NullMarked
package dev.bevel.nuscenes.simulator;

import org.jspecify.annotations.NullMarked;
