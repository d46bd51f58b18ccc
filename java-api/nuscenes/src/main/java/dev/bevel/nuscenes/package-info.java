/**
 * nuScenes tables, geometry and sensor files.
 *
 * <p>Start at {@link dev.bevel.nuscenes.NuScenes#load}, then {@link
 * dev.bevel.nuscenes.DetectionSample#of} for everything a detector needs of one key frame. {@link
 * dev.bevel.nuscenes.LidarSweeps} and {@link dev.bevel.nuscenes.RadarSweeps} add the sweeps before
 * it, {@link dev.bevel.nuscenes.BoxPoints} counts points in boxes, {@link
 * dev.bevel.nuscenes.ProjectedPoints} brings points into images, and {@link
 * dev.bevel.nuscenes.BoxConvention} turns boxes into a network's numbers and back.
 *
 * <p>Frames (all right-handed, metres): <em>global</em> is the map's frame; <em>ego</em> is x
 * forward, y left, z up with its origin under the rear axle; <em>LIDAR_TOP</em> is x right, y
 * forward, z up; a <em>camera</em> is x right, y down, z forward. Times are microseconds. All
 * geometry is IEEE double.
 */
@NullMarked
package dev.bevel.nuscenes;

import org.jspecify.annotations.NullMarked;
