@NullMarked
package dev.bevel.bench;

import org.jspecify.annotations.NullMarked;
