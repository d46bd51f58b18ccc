@NullMarked
package dev.bevel.javacpp;

import org.jspecify.annotations.NullMarked;
