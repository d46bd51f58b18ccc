/** Tests of the pictures. */
@NullMarked
package dev.bevel.nuscenes.draw;

import org.jspecify.annotations.NullMarked;
