package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.LidarPoints;
import dev.bevel.nuscenes.MapRegion;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a picture from above shows.
 *
 * @param detections by ascending score, null where none were asked for
 * @param minScore of the detections
 */
record BevContents(
    DetectionSample sample,
    @Nullable LidarPoints points,
    @Nullable MapRegion map,
    @Nullable SceneTracks tracks,
    @Nullable List<Detection> detections,
    double minScore) {}
