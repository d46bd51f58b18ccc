/**
 * What does not move: streets with lanes, pavements, car parks, houses and trees; and the ways
 * along them.
 */
@NullMarked
package dev.bevel.nuscenes.simulator.town;

import org.jspecify.annotations.NullMarked;
