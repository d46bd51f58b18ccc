package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.simulator.scene.Placement;

/**
 * A picture with what is seen at each pixel. Pixel (column, row) is entry {@code row * width +
 * column}; its centre is at image coordinates {@code (column + 0.5, row + 0.5)}.
 *
 * @param width pixels
 * @param height pixels
 * @param rgb {@code 0xRRGGBB}, sRGB
 * @param depth metres along the optical axis, infinite for the sky
 * @param ids {@link Placement#id} of the body that covers most of the pixel, {@link
 *     Placement#SCENERY} also for ground and sky
 */
@SuppressWarnings("ArrayRecordComponent") // never compared; handed over, not copied
public record Rendering(int width, int height, int[] rgb, float[] depth, int[] ids) {}
