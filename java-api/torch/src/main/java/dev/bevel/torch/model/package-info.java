/** Detectors assembled from typed configurations. */
@NullMarked
package dev.bevel.torch.model;

import org.jspecify.annotations.NullMarked;
