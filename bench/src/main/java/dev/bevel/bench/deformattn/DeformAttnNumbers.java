package dev.bevel.bench.deformattn;

import org.jspecify.annotations.Nullable;

/**
 * Inputs of an attention, row-major in the shapes of {@link DeformAttnShape}.
 *
 * @param value feature rows
 * @param reference null in the field's form
 * @param offsets in the field's form locations
 * @param logits in the field's form weights
 * @param visible [B, N, Q]; null: all
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record DeformAttnNumbers(
    double[] value,
    double @Nullable [] reference,
    double[] offsets,
    double[] logits,
    byte @Nullable [] visible) {}
