/** Tests of LibTorch's start-up, scopes and views. */
@NullMarked
package dev.bevel.torch;

import org.jspecify.annotations.NullMarked;
