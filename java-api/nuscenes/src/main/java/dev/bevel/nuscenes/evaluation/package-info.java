/**
 * The nuScenes detection benchmark (Caesar et al., nuScenes, CVPR 2020; configuration {@code
 * detection_cvpr_2019} of the nuScenes devkit): matching by centre distance, average precision,
 * true-positive errors, NDS.
 *
 * <p>Start at {@link dev.bevel.nuscenes.evaluation.DetectionEvaluation#evaluate}. Boxes are in the
 * global frame; all arithmetic is IEEE double.
 */
@NullMarked
package dev.bevel.nuscenes.evaluation;

import org.jspecify.annotations.NullMarked;
