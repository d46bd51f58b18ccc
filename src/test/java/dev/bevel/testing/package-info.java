/** What tests share. */
@NullMarked
package dev.bevel.testing;

import org.jspecify.annotations.NullMarked;
