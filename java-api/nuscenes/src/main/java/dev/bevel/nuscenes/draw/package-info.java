/** Pictures of samples and detections, drawn with Java2D; works without a display. */
@NullMarked
package dev.bevel.nuscenes.draw;

import org.jspecify.annotations.NullMarked;
