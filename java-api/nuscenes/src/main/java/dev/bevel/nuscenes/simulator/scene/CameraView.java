package dev.bevel.nuscenes.simulator.scene;

import dev.bevel.nuscenes.CameraIntrinsics;
import dev.bevel.nuscenes.Pose;

/**
 * Where a camera stands when it takes a picture.
 *
 * @param cameraToGlobal camera frame (x right, y down, z forward) → global frame
 * @param width pixels
 * @param height pixels
 */
public record CameraView(CameraIntrinsics intrinsics, Pose cameraToGlobal, int width, int height) {}
