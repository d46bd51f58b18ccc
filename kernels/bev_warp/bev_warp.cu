// bev_warp forward: a thread adds up to four neighbours of a pixel's position, N channels of each
// (bev_warp_view.cuh), for all frames in one launch. Bound: each map moved once; neighbouring pixels read
// neighbouring positions, so that L1 serves three of the four.
#include "bev_warp/bev_warp_job.hpp"
#include "core/cuda_bodies.hpp"
#include "bev_warp/bev_warp_view.cuh"

namespace bevel {
namespace {

struct ForwardWarp {
  WarpView view;
  WarpDivision division;
  ConstMap input;
  Map out;
  bool out_whole;
};

template <typename T, int N, bool planes>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads) bev_warp_kernel(ForwardWarp w) {
  BEVEL_SHARED(float, shared, 6);
  const int64_t map = w.division.map();
  prepare_matrix(w.view, map, shared);
  const PixelMatrix<float> matrix = w.view.has_grid ? PixelMatrix<float>{} : prepared_matrix(shared);
  const WarpLayout &in = w.view.in, &out = w.view.out;
  const int64_t source = w.view.offset(in, map), target = w.view.offset(out, map);
  for (int k = 0; k < kPixelsOfThread; ++k) {
    int32_t pixel;
    int64_t group;
    if (!w.division.item(k, pixel, group)) continue;
    const BilinearPoint<float> point =
        warp_point_of(w.view, matrix, map, pixel / out.width, pixel % out.width);
    const int64_t channel = group * N;
    const int count = static_cast<int>(w.view.channels - channel < N ? w.view.channels - channel : N);
    const int64_t first =
        source + channel * in.channel + (point.row * int64_t(in.width) + point.column) * in.pixel;
    float sums[N] = {};
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      if (!(point.inside >> corner & 1)) continue;
      const int64_t step = ((corner >> 1) * int64_t(in.width) + (corner & 1)) * in.pixel;
      add_channels<T, N, planes>(w.input, first + step, in.channel, count, bilinear_weight(point, corner),
                                 sums);
    }
    store_channels<N, planes>(w.out, target + channel * out.channel + pixel * out.pixel, out.channel, count,
                              w.out_whole, sums);
  }
}

}  // namespace

void cuda::bev_warp_forward(const BevWarpForwardJob& job, cudaStream_t stream) {
  const int64_t maps = job.batch * job.frames, pixels = int64_t{job.out.height} * job.out.width;
  if (maps == 0 || pixels == 0) return;
  with_warp_channels(job.input, job.in, job.channels, job.channels_last, [&](auto tag, auto n, auto planes) {
    using T = decltype(tag);
    constexpr int N = n;
    constexpr bool kPlanes = planes;
    const ForwardWarp warp = {WarpView(job), WarpDivision(pixels, job.channels, N, job.channels_last),
                              ConstMap(job.input, warp_span(job, job.in), job.in.type, "input"),
                              Map(job.output, warp_span(job, job.out), job.out.type, "out"),
                              warp_whole(job.output, job.out, job.channels)};
    BEVEL_ENQUEUE((bev_warp_kernel<T, N, kPlanes>), maps * warp.division.blocks, 0, stream, warp);
  });
}

}  // namespace bevel
