/** Checkpoint files. */
@NullMarked
package dev.bevel.torch.io;

import org.jspecify.annotations.NullMarked;
