/**
 * Modules of neural networks over LibTorch: light, owned by Java, with the parameter names of the
 * upstream projects.
 */
@NullMarked
package dev.bevel.torch.nn;

import org.jspecify.annotations.NullMarked;
