/** Made-up nuScenes data sets of full size, and how fast Bevel reads and evaluates them. */
@NullMarked
package dev.bevel.bench.nuscenes;

import org.jspecify.annotations.NullMarked;
