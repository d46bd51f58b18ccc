@NullMarked
package dev.bevel.kernels.loading;

import org.jspecify.annotations.NullMarked;
