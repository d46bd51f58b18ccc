@NullMarked
package dev.bevel.bench.liftsplat;

import org.jspecify.annotations.NullMarked;
