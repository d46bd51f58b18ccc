@NullMarked
package dev.bevel.torch.bevformer;

import org.jspecify.annotations.NullMarked;
