/**
 * How native files get into the process: a cache folder that nobody else can change, the dynamic
 * linker's own words, and what the process has mapped. For Bevel's modules.
 */
@NullMarked
package dev.bevel.kernels.loading;

import org.jspecify.annotations.NullMarked;
