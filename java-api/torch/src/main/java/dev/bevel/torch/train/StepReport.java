package dev.bevel.torch.train;

import java.util.Map;

/**
 * What a training step did.
 *
 * @param step number of the step, 1 for the first
 * @param loss total
 * @param terms its named terms, weights applied
 * @param learningRate that was used
 * @param gradientNorm L2 norm over all parameters, before clipping
 */
public record StepReport(
    long step, double loss, Map<String, Double> terms, double learningRate, double gradientNorm) {}
