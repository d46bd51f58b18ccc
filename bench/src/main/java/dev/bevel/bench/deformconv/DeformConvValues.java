package dev.bevel.bench.deformconv;

import org.jspecify.annotations.Nullable;

/**
 * The numbers of a deformable convolution, row-major in the shapes of {@link DeformConvShape}.
 *
 * @param input [B, C, H, W]
 * @param offset [B, 2·G·K, Ho, Wo]
 * @param mask [B, G·K, Ho, Wo], or null for 1
 * @param weight [O, C/groups, kh, kw]
 * @param bias [O], or null for 0
 * @param gradOut [B, O, Ho, Wo]
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record DeformConvValues(
    double[] input,
    double[] offset,
    double @Nullable [] mask,
    double[] weight,
    double @Nullable [] bias,
    double[] gradOut) {}
