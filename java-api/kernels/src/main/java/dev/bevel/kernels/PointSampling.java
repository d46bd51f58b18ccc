package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.PointSamplingParams;
import dev.bevel.kernels.internal.Scratch;
import java.util.Arrays;

/**
 * Where the pillars of a BEV grid lie in the images of a rig: the reference points and camera masks
 * of BEVFormer's spatial cross-attention (Li et al., ECCV 2022, section 3.3; point_sampling of the
 * project's encoder). What it gives is the reference and the visible of the fused deformable
 * attention whose points share the anchors of a pillar.
 *
 * <p>Sizes: B batch elements of N cameras, Q queries of Z points. Point (x, y, z) is, with (a, b,
 * depth, ·) = lidarToImage · (x, y, z, 1), at u = a / (max(depth, 1e-5) · width) and v = b /
 * (max(depth, 1e-5) · height), and the camera sees it iff depth &gt; 1e-5, 0 &lt; u &lt; 1 and 0
 * &lt; v &lt; 1, all strictly; so a point with a coordinate that is no number is not seen. Worked
 * out in double and rounded once; the CPU and CUDA give the same bits.
 *
 * <pre>{@code
 * PointSamplingInputs pillars = PointSamplingInputs.of(grid, new Images(lidarToImage, 928, 1600));
 * PointSamplingOutputs seen = PointSampling.allocateOut(pillars);
 * PointSampling.forward(pillars, seen);
 * DeformAttn.forward(new DeformAttnInputs(value, levels, seen.reference(), offsets, logits)
 *     .withReferenceKind(ReferenceKind.OF_POINT).withVisible(seen.visible()), out);
 * }</pre>
 *
 * <p>There is no gradient: calibration and grid are data, and upstream computes the points without
 * one. On the CPU a call has finished when it returns; on CUDA it is enqueued on the stream.
 * Failures are {@link BevelException} and leave outputs as they were.
 */
public final class PointSampling {
  private static final PointSamplingParams PARAMS = PointSamplingParams.STRUCT;

  private PointSampling() {}

  /**
   * Projects.
   *
   * @param inputs what is read
   * @param outputs what is written
   */
  public static void forward(PointSamplingInputs inputs, PointSamplingOutputs outputs) {
    forward(inputs, outputs, CallSettings.DEFAULT);
  }

  /**
   * Projects.
   *
   * @param inputs what is read
   * @param outputs what is written
   * @param settings how to work
   */
  public static void forward(
      PointSamplingInputs inputs, PointSamplingOutputs outputs, CallSettings settings) {
    Given.argument(inputs, PointSampling.class, "inputs");
    Given.argument(outputs, PointSampling.class, "outputs");
    Given.argument(settings, PointSampling.class, "settings");
    try (Scratch call = PARAMS.begin(settings)) {
      inputs.write(call);
      outputs.write(call);
      Native.FUNCTION.call(call, settings.stream());
    }
  }

  /** Shape of reference: [B, N, Q, Z, 2]. That of visible is [B, N, Q]. */
  public static long[] outShape(PointSamplingInputs inputs) {
    return Given.argument(inputs, PointSampling.class, "inputs").referenceShape();
  }

  /**
   * New tensors for reference, in float32, and visible on the CPU; their memory goes with the last
   * view of it.
   */
  public static PointSamplingOutputs allocateOut(PointSamplingInputs inputs) {
    return allocateOut(inputs, DType.FLOAT32);
  }

  /**
   * New tensors for reference and visible on the CPU; their memory goes with the last view of it.
   *
   * @param inputs whose results they are to take
   * @param dtype of reference
   */
  public static PointSamplingOutputs allocateOut(PointSamplingInputs inputs, DType dtype) {
    Given.argument(dtype, PointSampling.class, "dtype");
    long[] shape = outShape(inputs);
    Device device = inputs.device();
    return PointSamplingOutputs.of(
        OperatorFrame.allocate("point_sampling", device, dtype, shape),
        OperatorFrame.allocate("point_sampling", device, DType.UINT8, Arrays.copyOf(shape, 3)));
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FUNCTION = PARAMS.function();
  }
}
