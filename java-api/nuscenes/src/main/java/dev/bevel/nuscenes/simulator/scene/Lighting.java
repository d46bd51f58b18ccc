package dev.bevel.nuscenes.simulator.scene;

/**
 * Light and air of one scene.
 *
 * @param sunX unit vector from the ground towards the sun, global frame
 * @param sunY as {@code sunX}
 * @param sunZ as {@code sunX}, positive
 * @param sun strength of the sun's light, about 0 (overcast) to 1 (clear)
 * @param visibility metres at which haze has taken 1 − 1/e of the contrast
 * @param seed of clouds and the ground's grain
 */
public record Lighting(
    double sunX, double sunY, double sunZ, double sun, double visibility, long seed) {}
