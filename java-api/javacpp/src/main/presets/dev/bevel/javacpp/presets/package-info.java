/** What JavaCPP's generator is told. */
@NullMarked
package dev.bevel.javacpp.presets;

import org.jspecify.annotations.NullMarked;
