@NullMarked
package dev.bevel;

import org.jspecify.annotations.NullMarked;
