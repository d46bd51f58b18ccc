@NullMarked
package dev.bevel.cli;

import org.jspecify.annotations.NullMarked;
