/**
 * Training: {@link dev.bevel.torch.train.Trainer} takes one step of any module and loss ({@link
 * dev.bevel.torch.train.AdamW}, {@link dev.bevel.torch.train.LearningRate}, clipping, {@link
 * dev.bevel.torch.train.WeightAverage}), {@link dev.bevel.torch.train.Checkpoint} keeps all that a
 * training is, so that it goes on bit for bit; {@link dev.bevel.torch.train.DetectorTraining} and
 * {@link dev.bevel.torch.train.DetectorInference} join them to detectors and nuScenes.
 */
@NullMarked
package dev.bevel.torch.train;

import org.jspecify.annotations.NullMarked;
