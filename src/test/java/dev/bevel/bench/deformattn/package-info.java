@NullMarked
package dev.bevel.bench.deformattn;

import org.jspecify.annotations.NullMarked;
