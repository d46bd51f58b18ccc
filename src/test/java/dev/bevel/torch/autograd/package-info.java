/** Tests of the autograd bridge. */
@NullMarked
package dev.bevel.torch.autograd;

import org.jspecify.annotations.NullMarked;
