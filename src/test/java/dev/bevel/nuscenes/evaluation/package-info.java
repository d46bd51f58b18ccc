/** Tests of the nuScenes module. */
@NullMarked
package dev.bevel.nuscenes.evaluation;

import org.jspecify.annotations.NullMarked;
