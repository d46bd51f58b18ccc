/**
 * What a training and its evaluation leave behind ({@link dev.bevel.nuscenes.report.RunFolder}),
 * and the HTML page that shows it.
 */
@NullMarked
package dev.bevel.nuscenes.report;

import org.jspecify.annotations.NullMarked;
