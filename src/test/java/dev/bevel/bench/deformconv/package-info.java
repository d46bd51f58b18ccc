@NullMarked
package dev.bevel.bench.deformconv;

import org.jspecify.annotations.NullMarked;
