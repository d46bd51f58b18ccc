// See lift_splat_passes.cuh. All are bound by memory.
#include "lift_splat/lift_splat_passes.cuh"

namespace bevel {
namespace {

struct WeightsPass {
  TileSources sources;
  PlanView plan;
  For which;
  int64_t images;
  DeviceSpan<float> weights;
};

/// A thread a pixel, neighbours side by side in memory; three sweeps over its bins, the second and third from
/// L2.
BEVEL_GLOBAL void lift_splat_weights_kernel(WeightsPass pass) {
  if (!is_for(pass.which, pass.plan)) return;
  const TileSources& s = pass.sources;
  const int64_t pixels = s.height * s.width;
  const int64_t index = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  if (index >= pass.images * pixels) return;
  const int64_t image = index / pixels, pixel = index % pixels;
  const auto depth =
      subarray(s.depth + (image / s.cameras * s.depth_strides[0] + image % s.cameras * s.depth_strides[1]),
               s.depth_bins * pixels, "depth of a camera");
  float top = 0.0f, scale = 1.0f;
  if (s.logits) {
    top = -INFINITY;
    for (int64_t d = 0; d < s.depth_bins; ++d) top = fmaxf(top, depth[d * pixels + pixel]);
    float sum = 0.0f;
    for (int64_t d = 0; d < s.depth_bins; ++d) sum += expf(float(depth[d * pixels + pixel]) - top);
    scale = 1.0f / sum;
  }
  const float f = s.prior ? float(s.prior_weight[index]) : 0.0f;
  for (int64_t d = 0; d < s.depth_bins; ++d) {
    const int64_t point = (image * s.depth_bins + d) * pixels + pixel;
    float p = depth[d * pixels + pixel];
    if (s.logits) p = expf(p - top) * scale;
    if (s.probabilities) s.probabilities[point] = p;
    pass.weights[point] = s.prior ? f * float(s.prior[point]) + (1.0f - f) * p : p;
  }
}

struct CopyPass {
  Transposition copy;
  PlanView plan;
  For which;
};

constexpr int kCopyTile = 32;

/// A block a tile of 32 channels × 32 pixels, read along whichever is contiguous and turned in shared memory.
template <typename Bits>
__device__ void copy_tile(const Transposition& copy, SharedSpan<uint32_t> tile, int64_t plane, int64_t pixel,
                          int64_t channel) {
  const auto from = pointer_cast<const Bits>(copy.from.bytes);
  const auto to = pointer_cast<Bits>(copy.to.bytes);
  const int lane = threadIdx.x % kWarpLanes, warp = threadIdx.x / kWarpLanes;
  const int64_t base =
      plane / copy.inner_planes * copy.outer_stride + plane % copy.inner_planes * copy.inner_stride;
  for (int line = warp; line < kCopyTile; line += kBlockWarps) {
    const int64_t p = pixel + (copy.from_channels_last ? line : lane);
    const int64_t c = channel + (copy.from_channels_last ? lane : line);
    if (p >= copy.pixels || c >= copy.channels) continue;
    const Bits value = from[base + (copy.from_channels_last ? p * copy.channels + c : c * copy.pixels + p)];
    tile[(p - pixel) * (kCopyTile + 1) + (c - channel)] = static_cast<uint32_t>(value);
  }
  __syncthreads();
  for (int line = warp; line < kCopyTile; line += kBlockWarps) {
    const int64_t p = pixel + line, c = channel + lane;
    if (p >= copy.pixels || c >= copy.to_stride) continue;
    const uint32_t value = c < copy.channels ? uint32_t(tile[line * (kCopyTile + 1) + lane]) : 0u;
    to[(plane * copy.pixels + p) * copy.to_stride + c] = static_cast<Bits>(value);
  }
}

BEVEL_GLOBAL void lift_splat_channels_last_kernel(CopyPass pass) {
  BEVEL_SHARED(uint32_t, tile, kCopyTile * (kCopyTile + 1));
  if (!is_for(pass.which, pass.plan)) return;
  const Transposition& copy = pass.copy;
  const int64_t pixel_tiles = (copy.pixels + kCopyTile - 1) / kCopyTile;
  const int64_t channel_tiles = (copy.to_stride + kCopyTile - 1) / kCopyTile;
  const int64_t index = blockIdx.x / channel_tiles;
  const int64_t channel = blockIdx.x % channel_tiles * kCopyTile;
  const int64_t plane = index / pixel_tiles, pixel = index % pixel_tiles * kCopyTile;
  if (element_size(copy.from.type) == 4) {
    copy_tile<uint32_t>(copy, tile, plane, pixel, channel);
  } else {
    copy_tile<uint16_t>(copy, tile, plane, pixel, channel);
  }
}

struct ZeroPass {
  DeviceSpan<uint16_t> halves;
  int64_t count;
  bool whole;  ///< in 16-byte pieces
  PlanView plan;
  For which;
};

BEVEL_GLOBAL void lift_splat_zeros_kernel(ZeroPass pass) {
  if (!is_for(pass.which, pass.plan)) return;
  const int64_t thread = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  const int64_t threads = gridDim.x * static_cast<int64_t>(kBlockThreads);
  const int64_t pieces = pass.whole ? pass.count / 8 : 0;
  const DeviceVector<uint16_t, 8> zeros = {};
  for (int64_t i = thread; i < pieces; i += threads) store_vector(pass.halves + i * 8, zeros);
  for (int64_t i = pieces * 8 + thread; i < pass.count; i += threads) pass.halves[i] = 0;
}

struct GradientPass {
  SoftmaxGradient gradient;
  PlanView plan;
  For which;
};

/// A thread a pixel, two sweeps over its bins.
BEVEL_GLOBAL void lift_splat_softmax_gradient_kernel(GradientPass pass) {
  if (!is_for(pass.which, pass.plan)) return;
  const SoftmaxGradient& g = pass.gradient;
  const int64_t index = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  if (index >= g.images * g.pixels) return;
  const int64_t image = index / g.pixels, pixel = index % g.pixels;
  const int64_t base = image / g.cameras * g.strides[0] + image % g.cameras * g.strides[1] + pixel;
  const auto p = subarray(g.probabilities + image * g.depth_bins * g.pixels, g.depth_bins * g.pixels);
  const float share = g.prior_weight ? 1.0f - float(g.prior_weight[index]) : 1.0f;
  float mean = 0.0f;
  if (g.logits) {
    for (int64_t d = 0; d < g.depth_bins; ++d) {
      mean = fmaf(p[d * g.pixels + pixel], share * float(g.grad[base + d * g.pixels]), mean);
    }
  }
  for (int64_t d = 0; d < g.depth_bins; ++d) {
    const float grad = share * float(g.grad[base + d * g.pixels]);
    g.grad[base + d * g.pixels] = g.logits ? float(p[d * g.pixels + pixel]) * (grad - mean) : grad;
  }
}

}  // namespace

void enqueue_weights(const TileSources& sources, const PlanView& plan, int64_t images, For which,
                     DeviceSpan<float> weights, cudaStream_t stream) {
  const WeightsPass pass = {sources, plan, which, images, weights};
  BEVEL_ENQUEUE(lift_splat_weights_kernel, blocks_for(images * sources.height * sources.width), 0, stream,
                pass);
}

void enqueue_channels_last(const Transposition& copy, const PlanView& plan, For which, cudaStream_t stream) {
  const int64_t tiles =
      (copy.pixels + kCopyTile - 1) / kCopyTile * ((copy.to_stride + kCopyTile - 1) / kCopyTile);
  if (copy.planes * tiles == 0) return;
  const CopyPass pass = {copy, plan, which};
  BEVEL_ENQUEUE(lift_splat_channels_last_kernel, copy.planes * tiles, 0, stream, pass);
}

void enqueue_zeros(void* data, int64_t bytes, const PlanView& plan, For which, cudaStream_t stream) {
  if (bytes == 0) return;
  ZeroPass pass;
  pass.count = bytes / 2;
  pass.halves = DeviceSpan<uint16_t>(static_cast<uint16_t*>(data), pass.count, "zeros");
  pass.whole = aligned_to(data, 16);
  pass.plan = plan;
  pass.which = which;
  BEVEL_ENQUEUE(lift_splat_zeros_kernel, blocks_for(bytes / 16, 4096), 0, stream, pass);
}

void enqueue_softmax_gradient(const SoftmaxGradient& gradient, const PlanView& plan, For which,
                              cudaStream_t stream) {
  const GradientPass pass = {gradient, plan, which};
  BEVEL_ENQUEUE(lift_splat_softmax_gradient_kernel, blocks_for(gradient.images * gradient.pixels), 0, stream,
                pass);
}

namespace {

/// Elements from the first to the last of a tensor with strides over B and N.
int64_t extent(const LiftSplatShape& s, const int64_t* strides, int64_t image_elements) {
  if (s.batch * s.cameras == 0) return 0;
  return (s.batch - 1) * strides[0] + (s.cameras - 1) * strides[1] + image_elements;
}

}  // namespace

TileSources tile_sources(const LiftSplatShape& s, const void* depth, const void* context, const void* prior,
                         const void* prior_weight, void* probabilities) {
  const int64_t points = s.batch * s.cameras * s.depth_bins * s.height * s.width;
  const int64_t pixels = s.batch * s.cameras * s.height * s.width;
  TileSources t;
  t.cameras = s.cameras;
  t.depth_bins = s.depth_bins;
  t.height = s.height;
  t.width = s.width;
  t.channels = s.channels;
  for (int i = 0; i < 2; ++i) {
    t.depth_strides[i] = s.depth_strides[i];
    t.context_strides[i] = s.context_strides[i];
  }
  const auto floats = [](const void* data, int64_t elements, const char* name) {
    return DeviceSpan<const float>(static_cast<const float*>(data), elements, name);
  };
  t.depth = floats(depth, extent(s, s.depth_strides, s.depth_bins * s.height * s.width), "depth");
  if (prior) {
    t.prior = floats(prior, points, "prior");
    t.prior_weight = floats(prior_weight, pixels, "prior_weight");
  }
  if (probabilities)
    t.probabilities = DeviceSpan<float>(static_cast<float*>(probabilities), points, "probabilities");
  t.context = ConstMap(context, extent(s, s.context_strides, s.channels * s.height * s.width), s.context_type,
                       "context");
  t.logits = s.logits;
  t.context_channels_last = s.context_channels_last;

  constexpr ElementType kFloat = ElementType::kFloat32;
  t.prior_vector = vector_length(prior, kFloat, {s.width});
  for (const void* other : {prior_weight, static_cast<const void*>(probabilities)}) {
    const int length = vector_length(other, kFloat, {s.width});
    if (length < t.prior_vector) t.prior_vector = length;
  }
  t.context_vector =
      vector_length(context, s.context_type, {s.channels, s.context_strides[0], s.context_strides[1]});
  return t;
}

namespace {

constexpr int64_t kStaticBytes = 12 << 10;  // more shared memory than any kernel on tiles declares

/// The smallest stride from `floats` on that puts neighbouring columns as many banks apart as the copies of
/// one warp take in each: none of them meet.
int32_t column_stride(int64_t floats, int32_t columns) {
  const int64_t apart = kWarpLanes / columns % kWarpLanes;
  return static_cast<int32_t>(floats + ((apart - floats) % kWarpLanes + kWarpLanes) % kWarpLanes);
}

/// Sets the sizes that follow from columns, channels and groups; returns whether they fit.
bool fits(TileShape& t, const TileSources& s, const TileNeeds& needs, int64_t limit) {
  t.feature_stride = t.channels + 4;
  t.column_stride = column_stride(static_cast<int64_t>(t.padded_height) * t.feature_stride, t.columns);
  t.depth_stride = t.depth_in_shared ? column_stride(s.depth_bins * s.height, t.columns) : 0;
  t.channel_tiles = s.channels > 0 ? static_cast<int32_t>((s.channels + t.channels - 1) / t.channels) : 1;
  t.group_stride = kGroupRows * t.padded_height + 4;
  for (t.groups = kMaxGroups; t.groups > 0; t.groups /= 2) {
    int64_t floats = needs.feature_tiles * tile_feature_floats(t) + tile_weight_floats(t) +
                     needs.depth_tiles * tile_depth_floats(t);
    if (needs.row_channels) floats += static_cast<int64_t>(t.groups) * kGroupRows * t.feature_stride;
    t.shared_bytes = floats * 4;
    if (t.shared_bytes <= limit) return true;
  }
  return false;
}

/// Nanoseconds that a call takes with tiles of this shape, as far as it depends on the shape, on a device
/// like the H200 (arithmetic, not a measurement): each round of resident blocks waits for memory a few times;
/// each tile moves its lines of depths and of channels-first context in sectors of 32 bytes, however few
/// columns it needs of them; each column costs its multiplications.
double estimated_time(const TileShape& t, const TileSources& s, int64_t images, int64_t multiprocessors,
                      int64_t blocks_together) {
  constexpr double kRound = 2000, kSector = 0.76, kMultiply = 0.006;
  const auto rounds_of = [](int64_t blocks, int64_t at_once) { return (blocks + at_once - 1) / at_once; };
  const int64_t blocks = images * t.tiles_a_row;
  const int64_t lines = s.depth_bins * s.height + (s.context_channels_last ? 0 : s.channels * s.height);
  const double tile = kSector * static_cast<double>(lines) +
                      kMultiply * static_cast<double>(t.columns * s.depth_bins * s.height * s.channels);
  return kRound * static_cast<double>(rounds_of(blocks, multiprocessors * blocks_together)) +
         tile * static_cast<double>(rounds_of(blocks, multiprocessors));
}

}  // namespace

TileShape choose_tile(const LiftSplatShape& s, const TileSources& sources, const TileNeeds& needs) {
  int device, multiprocessors, shared_bytes;
  check_cuda_call(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda_call(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
                  "cudaDeviceGetAttribute");
  check_cuda_call(cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
                  "cudaDeviceGetAttribute");
  const int64_t limit = shared_bytes - kStaticBytes;
  const int64_t paired_limit = (shared_bytes - 2 * kStaticBytes) / 2;  // two blocks on a multiprocessor
  const int64_t images = s.batch * s.cameras;

  const int32_t all_channels = static_cast<int32_t>(s.channels > 0 ? (s.channels + 3) / 4 * 4 : 4);
  const auto cut = [&](int column_bits, int32_t channels, int64_t bytes, int least_groups) {
    TileShape t = {};
    t.column_bits = column_bits;
    t.columns = 1 << column_bits;
    t.tiles_a_row = static_cast<int32_t>((s.width + t.columns - 1) / t.columns);
    t.padded_height = static_cast<int32_t>((s.height + 3) / 4 * 4);
    t.channels = channels;
    t.depth_in_shared = depths_fit(s, needs);
    t.context_vector = sources.context_vector;
    t.prior_vector = sources.prior_vector < t.columns ? sources.prior_vector : t.columns;
    t.most_shared_bytes = limit;
    return fits(t, sources, needs, bytes) && t.groups >= least_groups ? t : TileShape{};
  };

  TileShape best = {};
  double best_time = INFINITY;
  for (int bits = 3; bits >= 0; --bits) {
    if (bits > 0 && 1 << bits > s.width) continue;
    for (const int64_t together : {2, 1}) {
      const TileShape t = cut(bits, all_channels, together == 2 ? paired_limit : limit, 4);
      if (t.groups == 0) continue;
      const double time = estimated_time(t, sources, images, multiprocessors, together);
      if (time < best_time) {
        best = t;
        best_time = time;
      }
    }
  }
  if (best.groups > 0) return best;
  for (int32_t channels = all_channels; channels >= 4; channels = channels / 8 * 4) {
    const TileShape t = cut(0, channels, limit, 1);
    if (t.groups > 0) return t;
  }
  throw CudaFailure{cudaErrorInvalidConfiguration, "choose_tile: the device has too little shared memory"};
}

}  // namespace bevel
