/** Tests of run folders and reports. */
@NullMarked
package dev.bevel.nuscenes.report;

import org.jspecify.annotations.NullMarked;
