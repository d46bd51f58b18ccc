/**
 * The attention modules of BEVFormer (Li et al., ECCV 2022), with the parameter names of its
 * project, on Bevel's deformable attention.
 */
@NullMarked
package dev.bevel.torch.bevformer;

import org.jspecify.annotations.NullMarked;
