// DETR3D's feature sampling, against the composition of multi_view_sample_peers.cuh.
#include "bevel/multi_view_sample.h"
#include "multi_view_sample_peers.cuh"
#include "rig.hpp"
#include "suite.hpp"

namespace bevel::bench {
namespace {

constexpr int64_t kCameras = 6, kQueries = 900, kChannels = 256;
constexpr int kLevels = 4;
constexpr int kHeight[kLevels] = {116, 58, 29, 15}, kWidth[kLevels] = {200, 100, 50, 25};
constexpr double kImageWidth = 1600, kImageHeight = 928;

/// The rig's cameras and reference points spread over DETR3D's range, on the host.
struct ViewProblem {
  ViewProblem() {
    const auto rig = bevel::testing::rig_calibration(1, kCameras, 1600, 900, 1, 0, 0);
    std::vector<double> matrices;
    for (int64_t n = 0; n < kCameras; ++n) {
      bevel::testing::Matrix4 to_bev, intrinsics = bevel::testing::identity4();
      std::copy_n(rig.camera_to_bev.begin() + 16 * n, 16, to_bev.begin());
      for (int64_t i = 0; i < 9; ++i) {
        intrinsics[static_cast<size_t>(i / 3 * 4 + i % 3)] = rig.intrinsics[static_cast<size_t>(9 * n + i)];
      }
      const auto projection = bevel::testing::multiply(intrinsics, bevel::testing::inverse(to_bev));
      matrices.insert(matrices.end(), projection.begin(), projection.end());
    }
    lidar_to_image.assign(matrices.begin(), matrices.end());
    std::mt19937_64 random(20261121);
    std::uniform_real_distribution<float> plane(-51.2f, 51.2f), height(-3.2f, 4.8f), weight(0, 1);
    while (points.size() < static_cast<size_t>(3 * kQueries)) {
      const float point[3] = {plane(random), plane(random), height(random)};
      if (on_a_border(matrices, point)) continue;
      points.insert(points.end(), point, point + 3);
    }
    for (int64_t i = 0; i < kQueries * kCameras * kLevels; ++i) weights.push_back(weight(random));
  }

  std::vector<float> lidar_to_image, points, weights;
  int64_t seen = 0;  ///< pairs of camera and point

 private:
  /// Whether rounding could decide if a camera sees the point, or the point is so near to one that fp32's
  /// rounding of its image shows. Counts the cameras that see it.
  bool on_a_border(const std::vector<double>& matrices, const float* p) {
    int64_t cameras = 0;
    for (int64_t n = 0; n < kCameras; ++n) {
      const double* m = &matrices[static_cast<size_t>(16 * n)];
      double image[3];
      for (int i = 0; i < 3; ++i)
        image[i] = m[4 * i] * p[0] + m[4 * i + 1] * p[1] + m[4 * i + 2] * p[2] + m[4 * i + 3];
      if (std::fabs(image[2]) < 0.05) return true;
      const double u = image[0] / image[2] / kImageWidth, v = image[1] / image[2] / kImageHeight;
      for (const double edge : {u, v, 1 - u, 1 - v}) {
        if (std::fabs(edge) < 1e-4) return true;
      }
      if (image[2] < 0 || u < 0 || u > 1 || v < 0 || v > 1) continue;
      if (image[2] < 4) return true;
      ++cameras;
    }
    seen += cameras;
    return false;
  }
};

/// [N, H·W, C] of every level in one, as [N, C, H·W].
template <class T>
std::vector<T> to_channels_first(const std::vector<T>& from, int level) {
  const int64_t pixels = int64_t{kHeight[level]} * kWidth[level];
  std::vector<T> to(from.size());
  for (int64_t n = 0; n < kCameras; ++n) {
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      for (int64_t c = 0; c < kChannels; ++c) {
        to[static_cast<size_t>((n * kChannels + c) * pixels + pixel)] =
            from[static_cast<size_t>((n * pixels + pixel) * kChannels + c)];
      }
    }
  }
  return to;
}

template <class T>
struct ViewTensors {
  ViewTensors(const ViewProblem& problem, const std::vector<std::vector<T>>& maps,
              const std::vector<std::vector<T>>& planes, const std::vector<T>& gradients)
      : lidar_to_image({1, kCameras, 4, 4}, kFloat32, problem.lidar_to_image.data()),
        points({1, kQueries, 1, 3}, kFloat32, problem.points.data()),
        weights({1, kQueries, kCameras, 1, kLevels}, kFloat32, problem.weights.data()),
        grad_weights({1, kQueries, kCameras, 1, kLevels}, kFloat32),
        peer_grad_weights({1, kQueries, kCameras, 1, kLevels}, kFloat32),
        locations({kCameras, kQueries, 2}, kFloat32),
        mask({kCameras, kQueries}, kFloat32),
        out({1, kQueries, kChannels}, OnDevice<T>::dtype),
        peer_out({1, kQueries, kChannels}, OnDevice<T>::dtype),
        grad_out({1, kQueries, kChannels}, OnDevice<T>::dtype, gradients.data()),
        samples({kLevels, kCameras, kChannels, kQueries}, OnDevice<T>::dtype) {
    for (int l = 0; l < kLevels; ++l) {
      const auto add = [&](std::vector<std::unique_ptr<Buffer>>& to, bool last, DLDataType dtype,
                           const void* from) {
        to.push_back(std::make_unique<Buffer>(
            last ? std::vector<int64_t>{1, kCameras, kHeight[l], kWidth[l], kChannels}
                 : std::vector<int64_t>{1, kCameras, kChannels, kHeight[l], kWidth[l]},
            dtype, from));
      };
      const size_t at = static_cast<size_t>(l);
      add(features, true, OnDevice<T>::dtype, maps[at].data());
      add(grad_features, true, OnDevice<T>::dtype, nullptr);
      add(feature_planes, false, OnDevice<T>::dtype, planes[at].data());
      add(grad_planes, false, kFloat32, nullptr);
    }
  }

  Buffer lidar_to_image, points, weights, grad_weights, peer_grad_weights, locations, mask, out, peer_out,
      grad_out, samples;
  std::vector<std::unique_ptr<Buffer>> features, grad_features;      ///< Bevel's, channels last
  std::vector<std::unique_ptr<Buffer>> feature_planes, grad_planes;  ///< the peer's, channels first
};

template <class T>
class ViewRunner {
 public:
  using DeviceT = typename OnDevice<T>::type;

  ViewRunner(const ViewProblem& problem, Suite& suite) : suite_(suite) {
    const int64_t element = sizeof(T);
    int64_t map_bytes = 0;
    std::vector<std::vector<T>> maps, planes;
    for (int l = 0; l < kLevels; ++l) {
      const int64_t values = kCameras * kHeight[l] * kWidth[l] * kChannels;
      map_bytes += values * element;
      maps.push_back(random_values<T>(values, static_cast<uint64_t>(l + 1), -1, 1));
      planes.push_back(to_channels_first(maps.back(), l));
    }
    const auto gradients = random_values<T>(kQueries * kChannels, 9, -1, 1);
    // Of the maps only what the visible points touch must be read; all of their gradients must be written.
    const int64_t gathered = problem.seen * kLevels * 4 * kChannels * element;
    const int64_t others = kQueries * kChannels * element + kQueries * 3 * 4;
    const int64_t weight_bytes = kQueries * kCameras * kLevels * 4;
    forward_bytes_ = std::min(gathered, map_bytes) + others + weight_bytes;
    backward_bytes_ = forward_bytes_ + map_bytes + weight_bytes;
    // The peer's maps and gradients are far larger than what is gathered.
    rotation_ = std::min(suite.rotation(forward_bytes_), 16);
    for (int i = 0; i < rotation_; ++i) {
      tensors_.push_back(std::make_unique<ViewTensors<T>>(problem, maps, planes, gradients));
    }
    auto p = backward_params(0, BEVEL_STRICT);
    int64_t bytes = 0;
    check_bevel(bevel_multi_view_sample_backward_workspace(&p, &bytes), "multi_view_sample workspace");
    workspace_ = make_workspace(bytes);
  }

  void run() {
    verify();
    suite_.time_case<T>("multi_view_sample", "detr3d", rotation_,
                        {{"forward", "bevel", forward_bytes_, [this](int i) { forward(i); }},
                         {"forward", "grid_sample", forward_bytes_, [this](int i) { peer_forward(i); }},
                         {"backward", "bevel", backward_bytes_, [this](int i) { backward(i); }},
                         {"backward", "grid_sample", backward_bytes_, [this](int i) { peer_backward(i); }}});
  }

 private:
  ViewTensors<T>& at(int i) { return *tensors_[static_cast<size_t>(i)]; }

  bevel_multi_view views(int i) {
    ViewTensors<T>& t = at(i);
    bevel_multi_view v = {};
    for (int l = 0; l < kLevels; ++l) v.features[l] = t.features[static_cast<size_t>(l)]->view();
    v.levels = kLevels;
    v.layout = BEVEL_CHANNELS_LAST;
    v.lidar_to_image = t.lidar_to_image.view();
    v.points = t.points.view();
    v.image_width = kImageWidth;
    v.image_height = kImageHeight;
    v.weights = t.weights.view();
    return v;
  }
  void forward(int i) {
    bevel_multi_view_sample_forward_params p = {};
    p.struct_size = sizeof p;
    p.views = views(i);
    p.out = at(i).out.view();
    check_bevel(bevel_multi_view_sample_forward(&p, suite_.stream), "multi_view_sample forward");
  }
  bevel_multi_view_sample_backward_params backward_params(int i, bevel_determinism determinism) {
    ViewTensors<T>& t = at(i);
    bevel_multi_view_sample_backward_params p = {};
    p.struct_size = sizeof p;
    p.grad_out = t.grad_out.view();
    p.views = views(i);
    for (int l = 0; l < kLevels; ++l) p.grad_features[l] = t.grad_features[static_cast<size_t>(l)]->view();
    p.grad_weights = t.grad_weights.view();
    p.determinism = determinism;
    return p;
  }
  void backward(int i) {
    auto p = backward_params(i, BEVEL_STRICT);
    p.workspace = workspace_->view();
    check_bevel(bevel_multi_view_sample_backward(&p, suite_.stream), "multi_view_sample backward");
  }

  void peer_forward(int i) {
    ViewTensors<T>& t = at(i);
    project_kernel<<<blocks(kCameras * kQueries), 256, 0, suite_.stream>>>(
        kViews, t.lidar_to_image.template as<float>(), t.points.template as<float>(),
        t.locations.template as<float>(), t.mask.template as<float>());
    for (int l = 0; l < kLevels; ++l) {
      grid_sample_kernel<DeviceT><<<blocks(kCameras * kChannels * kQueries), 256, 0, suite_.stream>>>(
          kViews, l, kHeight[l], kWidth[l], t.feature_planes[static_cast<size_t>(l)]->template as<DeviceT>(),
          t.locations.template as<float>(), t.samples.template as<DeviceT>());
    }
    weighted_sum_kernel<DeviceT><<<blocks(kChannels * kQueries), 256, 0, suite_.stream>>>(
        kViews, t.samples.template as<DeviceT>(), t.weights.template as<float>(), t.mask.template as<float>(),
        t.peer_out.template as<DeviceT>());
  }
  /// On what forward left: locations, mask and samples.
  void peer_backward(int i) {
    ViewTensors<T>& t = at(i);
    weight_gradient_kernel<DeviceT><<<blocks(kQueries * kCameras * kLevels), 256, 0, suite_.stream>>>(
        kViews, t.samples.template as<DeviceT>(), t.mask.template as<float>(),
        t.grad_out.template as<DeviceT>(), t.peer_grad_weights.template as<float>());
    for (int l = 0; l < kLevels; ++l) {
      Buffer& grad_map = *t.grad_planes[static_cast<size_t>(l)];
      suite_.clear(grad_map);
      grid_sample_gradient_kernel<DeviceT>
          <<<blocks(kCameras * kChannels * kQueries), 256, 0, suite_.stream>>>(
              kViews, l, kHeight[l], kWidth[l], t.locations.template as<float>(),
              t.weights.template as<float>(), t.mask.template as<float>(), t.grad_out.template as<DeviceT>(),
              grad_map.as<float>());
    }
  }

  /// Bevel and the peer must agree, and Bevel with itself bit for bit, before anything is timed.
  void verify() {
    const double tolerance = OnDevice<T>::tolerance;
    for (int i = 0; i < rotation_; ++i) peer_forward(i);  // its backward reads what forward left
    forward(0);
    suite_.finish();
    const auto out = at(0).out.template download<T>();
    expect_close("multi_view_sample", difference(at(1).peer_out.template download<T>(), out), tolerance);
    forward(0);
    backward(0);
    peer_backward(1);
    suite_.finish();
    expect_same_bits("multi_view_sample forward", at(0).out.template download<T>(), out);
    const auto weights = at(0).grad_weights.template download<float>();
    expect_close("weight gradient", difference(at(1).peer_grad_weights.template download<float>(), weights),
                 tolerance);
    std::vector<std::vector<T>> features;
    for (int l = 0; l < kLevels; ++l) {
      features.push_back(at(0).grad_features[static_cast<size_t>(l)]->template download<T>());
      const auto peer = at(1).grad_planes[static_cast<size_t>(l)]->template download<float>();
      expect_close("feature gradient", difference(peer, to_channels_first(features.back(), l)), tolerance);
    }
    backward(0);
    suite_.finish();
    expect_same_bits("weight gradient", at(0).grad_weights.template download<float>(), weights);
    for (int l = 0; l < kLevels; ++l) {
      const size_t level = static_cast<size_t>(l);
      expect_same_bits("feature gradient", at(0).grad_features[level]->template download<T>(),
                       features[level]);
    }
  }

  static constexpr PeerViews kViews = {static_cast<int>(kCameras),      kLevels,
                                       static_cast<int>(kChannels),     kQueries,
                                       static_cast<float>(kImageWidth), static_cast<float>(kImageHeight)};

  Suite& suite_;
  std::vector<std::unique_ptr<ViewTensors<T>>> tensors_;
  std::unique_ptr<Buffer> workspace_;
  int64_t forward_bytes_ = 0, backward_bytes_ = 0;
  int rotation_ = 1;
};

}  // namespace

void bench_multi_view_sample(Suite& suite) {
  if (!suite.wants("detr3d")) return;
  const ViewProblem problem;
  ViewRunner<float>(problem, suite).run();
  ViewRunner<Bfloat16>(problem, suite).run();
  ViewRunner<Float16>(problem, suite).run();
}

}  // namespace bevel::bench
