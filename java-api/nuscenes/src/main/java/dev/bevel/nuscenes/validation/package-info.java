/**
 * An independent check that a folder is a sound nuScenes-format data set.
 *
 * <p>Independent means that nothing here is shared with the reader or the simulator: the tables are
 * parsed again, by a description of the published schema, and the geometry is plain matrix
 * arithmetic of its own. A mistake that reader and simulator have in common is therefore seen.
 *
 * <p>Start at {@link dev.bevel.nuscenes.validation.DataSetValidator}.
 */
@NullMarked
package dev.bevel.nuscenes.validation;

import org.jspecify.annotations.NullMarked;
