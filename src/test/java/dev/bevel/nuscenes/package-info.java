/** Tests of the nuScenes module. */
@NullMarked
package dev.bevel.nuscenes;

import org.jspecify.annotations.NullMarked;
