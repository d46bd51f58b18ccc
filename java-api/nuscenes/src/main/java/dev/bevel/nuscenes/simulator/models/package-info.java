/** Shapes of vehicles, people, cycles, cones, barriers, houses and trees. */
@NullMarked
package dev.bevel.nuscenes.simulator.models;

import org.jspecify.annotations.NullMarked;
