package dev.bevel.bench.multiview;

import java.util.List;

/**
 * Inputs of feature sampling, row-major in the shapes of {@link MultiViewShape}.
 *
 * @param features a level each, [B, N, C, H, W], or [B, N, H, W, C] where channels are last
 * @param lidarToImage [B, N, 4, 4]; not read with locations
 * @param places points or locations
 * @param weights [B, Q, N, P, L, G]
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record MultiViewNumbers(
    List<double[]> features, double[] lidarToImage, double[] places, double[] weights) {}
