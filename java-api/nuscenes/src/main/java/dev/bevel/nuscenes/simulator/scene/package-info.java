/**
 * What the world shows to the sensors: bodies of triangles, the ground, the light. And the two
 * sources of chance, {@link dev.bevel.nuscenes.simulator.scene.Seeds} for what happens and {@link
 * dev.bevel.nuscenes.simulator.scene.Hash} for grain.
 */
@NullMarked
package dev.bevel.nuscenes.simulator.scene;

import org.jspecify.annotations.NullMarked;
