@NullMarked
package dev.bevel.kernels.internal;

import org.jspecify.annotations.NullMarked;
