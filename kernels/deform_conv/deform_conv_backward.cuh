// The parts of deform_conv's backward pass on the device.
#pragma once

#include "deform_conv/deform_conv_tile.cuh"

namespace bevel {

/// Floats that the weights' gradient needs for its partial sums.
int64_t weight_gradient_elements(const DeformConvJob& job);

/// `grad_out` [batch, output, pixel], 16-byte aligned.
void enqueue_weight_gradient(const DeformConvBackwardJob& job, const FloatBuffer& maps,
                             const FloatBuffer& grad_out, const FloatBuffer& partial, cudaStream_t stream);

}  // namespace bevel
