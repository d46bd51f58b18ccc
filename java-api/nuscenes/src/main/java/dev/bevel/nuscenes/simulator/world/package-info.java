/**
 * What moves and stands in the streets, the ego vehicle among it, and how all of it looks at a
 * moment.
 */
@NullMarked
package dev.bevel.nuscenes.simulator.world;

import org.jspecify.annotations.NullMarked;
