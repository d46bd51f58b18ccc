/** Programs as users would write them; the README shows them. */
@NullMarked
package dev.bevel.examples;

import org.jspecify.annotations.NullMarked;
