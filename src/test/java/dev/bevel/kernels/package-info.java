@NullMarked
package dev.bevel.kernels;

import org.jspecify.annotations.NullMarked;
