/**
 * CenterHead around its network: which cells a ground-truth box teaches ({@link
 * dev.bevel.torch.head.CenterTargetAssigner}), the losses ({@link dev.bevel.torch.head.CenterLoss},
 * {@link dev.bevel.torch.head.DepthLoss}), and the way back from maps to boxes ({@link
 * dev.bevel.torch.head.CenterDecoder}, {@link dev.bevel.torch.head.CircleNms}).
 *
 * <p>The method is CenterPoint's (Yin et al., "Center-based 3D Object Detection and Tracking", CVPR
 * 2021) in the form of mmdetection3d, which BEVDet and BEVDepth share. A box here is nine numbers
 * {@code (x, y, z, d0, d1, d2, yaw, vx, vy)}: metres and radians, z at the gravity centre, in the
 * frame of the BEV map; what d0 and d1 mean is the affair of {@link
 * dev.bevel.nuscenes.BoxConvention}, nothing in this package depends on it. Maps are {@code
 * [channels, height (y), width (x)]}.
 */
@NullMarked
package dev.bevel.torch.head;

import org.jspecify.annotations.NullMarked;
