@NullMarked
package dev.bevel.bench.nuscenes;

import org.jspecify.annotations.NullMarked;
