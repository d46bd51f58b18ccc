// Deformable attention's cases as numbers on the host: references, offsets and logits as BEVFormer's modules
// make them, and the tensors that the peers take instead. Shared by all storage types of a case.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "bevel/deform_attn.h"
#include "rig.hpp"

namespace bevel::bench {

enum class Attention { kMsda, kSpatial, kTemporal, kDecoder };

struct AttentionCase {
  const char* name;
  Attention kind;
  int64_t batch, maps, queries;
  int32_t levels, points;
  int32_t height[4], width[4];
  double image_scale;          ///< spatial: of 1600×900 images, before padding
  int32_t padded_h, padded_w;  ///< spatial: of the images, pixels
  static constexpr int64_t kHeads = 8, kHeadDim = 32, kAnchors = 4;

  int64_t samples() const { return levels * points; }
  int64_t rows() const {
    int64_t sum = 0;
    for (int32_t l = 0; l < levels; ++l) sum += int64_t{height[l]} * width[l];
    return sum;
  }
  bevel_value_levels value_levels() const {
    bevel_value_levels out = {};
    out.levels = levels;
    int64_t start = 0;
    for (int32_t l = 0; l < levels; ++l) {
      out.height[l] = height[l];
      out.width[l] = width[l];
      out.start[l] = start;
      start += int64_t{height[l]} * width[l];
    }
    return out;
  }
};

// BEVFormer's spatial cross-attention, temporal self-attention and decoder; and the plain operator.
inline const AttentionCase kAttentionCases[] = {
    {"sca-tiny", Attention::kSpatial, 1, 6, 2500, 1, 8, {15}, {25}, 0.5, 480, 800},
    {"sca-small", Attention::kSpatial, 1, 6, 22500, 1, 8, {23}, {40}, 0.8, 736, 1280},
    {"sca-base", Attention::kSpatial, 1, 6, 40000, 4, 8, {116, 58, 29, 15}, {200, 100, 50, 25}, 1, 928, 1600},
    {"tsa-base", Attention::kTemporal, 1, 2, 40000, 1, 4, {200}, {200}, 0, 0, 0},
    {"decoder", Attention::kDecoder, 1, 1, 900, 1, 4, {200}, {200}, 0, 0, 0},
    {"msda-15x25", Attention::kMsda, 1, 1, 2500, 1, 8, {15}, {25}, 0, 0, 0},
    {"msda-50x50", Attention::kMsda, 1, 1, 10000, 1, 4, {50}, {50}, 0, 0, 0},
    {"msda-200x200", Attention::kMsda, 1, 1, 40000, 1, 4, {200}, {200}, 0, 0, 0},
    {"msda-4-levels", Attention::kMsda, 6, 1, 2500, 4, 8, {116, 58, 29, 15}, {200, 100, 50, 25}, 0, 0, 0},
};

/// The peers' view of a case: batch elements and maps are one list of `entries` value maps, each with a list
/// of as many queries, padded. Of spatial cross-attention these are BEVFormer's per-camera queries.
struct PeerQueries {
  int64_t entries = 0, queries = 0;
  std::vector<int32_t> query_of;  ///< [entries, queries]; -1: padding
  std::vector<int32_t> slot_of;   ///< [entries, Q]; -1: the entry does not see the query
  std::vector<float> locations;   ///< [entries, queries, M, L, P, 2]
  std::vector<float> weights;     ///< [entries, queries, M, L, P]
  std::vector<float> packed;      ///< [entries, queries, M, L·P·3]: locations, then logits
};

class AttentionProblem {
 public:
  explicit AttentionProblem(const AttentionCase& c) : c_(c), random_(20261121) {
    make_references();
    make_offsets();
    make_peer_queries();
  }

  const AttentionCase& sizes() const { return c_; }
  /// References of a map: anchors of a pillar, or one.
  int64_t references() const { return c_.kind == Attention::kSpatial ? AttentionCase::kAnchors : 1; }
  /// Sets of offsets and logits a batch element has: spatial cross-attention shares them.
  int64_t offset_maps() const { return c_.kind == Attention::kTemporal ? c_.maps : 1; }

  std::vector<float> reference;  ///< [B·N, Q, R, 2]
  std::vector<uint8_t> visible;  ///< [B·N, Q]
  std::vector<float> offsets;    ///< [B·(N or 1), Q, M, L, P, 2]
  std::vector<float> logits;     ///< [B·(N or 1), Q, M, L, P]
  PeerQueries peer;
  int64_t seen = 0;  ///< pairs of map and query

 private:
  int64_t side() const { return static_cast<int64_t>(std::lround(std::sqrt(c_.queries))); }

  void make_references() {
    const int64_t entries = c_.batch * c_.maps;
    visible.assign(static_cast<size_t>(entries * c_.queries), 1);
    reference.resize(static_cast<size_t>(entries * c_.queries * references() * 2));
    if (c_.kind == Attention::kSpatial) {
      project_pillars();
    } else {
      std::uniform_real_distribution<double> uniform(0.02, 0.98);
      for (int64_t n = 0; n < entries; ++n) {
        // The older of temporal self-attention's two maps is seen from where the car was, 4 m ahead of it.
        const double shift = c_.kind == Attention::kTemporal && n == 0 ? 4 / 102.4 : 0;
        for (int64_t q = 0; q < c_.queries; ++q) {
          float* to = &reference[static_cast<size_t>((n * c_.queries + q) * 2)];
          const bool anywhere = c_.kind == Attention::kDecoder;
          const double n_side = static_cast<double>(side());
          const double u = (static_cast<double>(q % side()) + 0.5) / n_side;
          const double v = (static_cast<double>(q / side()) + 0.5) / n_side;
          to[0] = static_cast<float>((anywhere ? uniform(random_) : u) + shift);
          to[1] = static_cast<float>(anywhere ? uniform(random_) : v);
        }
      }
    }
    for (const uint8_t sees : visible) seen += sees;
  }

  /// BEVFormer's point_sampling: four anchors at the middles of quarters of 8 m, in the frame of the LiDAR,
  /// on a grid of 102.4 m; a camera sees a query iff any anchor lies in front of it and inside the padded
  /// image.
  void project_pillars() {
    const auto rig = bevel::testing::rig_calibration(1, 6, 1600, 900, 1, 0, 0);
    const int64_t s = side();
    for (int64_t n = 0; n < c_.maps; ++n) {
      bevel::testing::Matrix4 to_bev;
      std::copy_n(rig.camera_to_bev.begin() + 16 * n, 16, to_bev.begin());
      const bevel::testing::Matrix4 to_camera = bevel::testing::inverse(to_bev);
      const double* k = &rig.intrinsics[static_cast<size_t>(9 * n)];
      for (int64_t q = 0; q < c_.queries; ++q) {
        bool sees = false;
        for (int64_t anchor = 0; anchor < AttentionCase::kAnchors; ++anchor) {
          const double x = ((static_cast<double>(q % s) + 0.5) / static_cast<double>(s) - 0.5) * 102.4 + 0.94;
          const double y = ((static_cast<double>(q / s) + 0.5) / static_cast<double>(s) - 0.5) * 102.4;
          const double z = 0.5 + 7.0 / 3 * static_cast<double>(anchor) - 5 + 1.84;
          double p[3];
          for (int i = 0; i < 3; ++i) {
            const double* row = &to_camera[static_cast<size_t>(4 * i)];
            p[i] = row[0] * x + row[1] * y + row[2] * z + row[3];
          }
          const double depth = std::fmax(p[2], 1e-5);
          const double u = (k[0] * p[0] + k[2] * p[2]) / depth * c_.image_scale / c_.padded_w;
          const double v = (k[4] * p[1] + k[5] * p[2]) / depth * c_.image_scale / c_.padded_h;
          sees = sees || (p[2] > 1e-5 && u > 0 && u < 1 && v > 0 && v < 1);
          float* to =
              &reference[static_cast<size_t>(((n * c_.queries + q) * AttentionCase::kAnchors + anchor) * 2)];
          to[0] = static_cast<float>(u);
          to[1] = static_cast<float>(v);
        }
        visible[static_cast<size_t>(n * c_.queries + q)] = sees;
      }
    }
  }

  /// The pattern that BEVFormer's and Deformable DETR's offset layers begin with: head m looks in direction
  /// 2π·m/M, point p that far p + 1 times.
  static double pattern(int64_t head, int64_t point, int axis) {
    const double angle = 2 * M_PI * static_cast<double>(head) / AttentionCase::kHeads;
    const double x = std::cos(angle), y = std::sin(angle);
    const double far = static_cast<double>(point + 1) / std::fmax(std::fabs(x), std::fabs(y));
    return (axis == 0 ? x : y) * far;
  }

  /// The pattern with a pixel of noise. No sample comes so near a whole pixel that fp32's rounding could put
  /// it on the other side: slopes jump there, and gradients of two programs could not be compared.
  void make_offsets() {
    const int64_t sets = c_.batch * offset_maps(), shared = c_.maps / offset_maps();
    offsets.reserve(static_cast<size_t>(sets * c_.queries * AttentionCase::kHeads * c_.samples() * 2));
    logits.reserve(offsets.capacity() / 2);
    std::normal_distribution<float> normal;
    for (int64_t set = 0; set < sets; ++set) {
      for (int64_t q = 0; q < c_.queries; ++q) {
        for (int64_t m = 0; m < AttentionCase::kHeads; ++m) {
          for (int64_t i = 0; i < c_.samples(); ++i) {
            const int64_t point = i % c_.points;
            for (int axis = 0; axis < 2; ++axis) {
              float offset;
              do {
                offset = static_cast<float>(pattern(m, point, axis)) + normal(random_);
              } while (near_whole_pixel(set * shared, shared, q, i, axis, offset));
              offsets.push_back(offset);
            }
            logits.push_back(normal(random_));
          }
        }
      }
    }
  }

  double extent(int64_t sample, int axis) const {
    const int64_t level = sample / c_.points;
    return axis == 0 ? c_.width[level] : c_.height[level];
  }
  const float* reference_of(int64_t entry, int64_t query, int64_t sample) const {
    const int64_t r = sample % c_.points % references();
    return &reference[static_cast<size_t>(((entry * c_.queries + query) * references() + r) * 2)];
  }
  bool near_whole_pixel(int64_t first, int64_t count, int64_t query, int64_t sample, int axis,
                        float offset) const {
    for (int64_t n = first; n < first + count; ++n) {
      if (!visible[static_cast<size_t>(n * c_.queries + query)]) continue;
      const double x = reference_of(n, query, sample)[axis] * extent(sample, axis) - 0.5 + offset;
      if (std::fabs(x) < 1e4 && std::fabs(x - std::round(x)) < 1e-3) return true;
    }
    return false;
  }

  void make_peer_queries() {
    const int64_t entries = c_.batch * c_.maps, heads = AttentionCase::kHeads, samples = c_.samples();
    peer.entries = entries;
    peer.slot_of.assign(static_cast<size_t>(entries * c_.queries), -1);
    for (int64_t n = 0; n < entries; ++n) {
      int32_t slots = 0;
      for (int64_t q = 0; q < c_.queries; ++q) {
        const size_t at = static_cast<size_t>(n * c_.queries + q);
        if (visible[at]) peer.slot_of[at] = slots++;
      }
      peer.queries = std::max<int64_t>(peer.queries, slots);
    }
    peer.query_of.assign(static_cast<size_t>(entries * peer.queries), -1);
    for (int64_t n = 0; n < entries; ++n) {
      for (int64_t q = 0; q < c_.queries; ++q) {
        const int32_t slot = peer.slot_of[static_cast<size_t>(n * c_.queries + q)];
        if (slot >= 0) peer.query_of[static_cast<size_t>(n * peer.queries + slot)] = static_cast<int32_t>(q);
      }
    }
    const size_t rows = static_cast<size_t>(entries * peer.queries * heads);
    peer.locations.reserve(rows * static_cast<size_t>(2 * samples));
    peer.weights.reserve(rows * static_cast<size_t>(samples));
    peer.packed.reserve(rows * static_cast<size_t>(3 * samples));
    for (int64_t n = 0; n < entries; ++n) {
      const int64_t set = n / (c_.maps / offset_maps());
      for (int64_t slot = 0; slot < peer.queries; ++slot) {
        const int32_t q = peer.query_of[static_cast<size_t>(n * peer.queries + slot)];
        for (int64_t m = 0; m < heads; ++m) append_peer_head(n, q, m, ((set * c_.queries + q) * heads + m));
      }
    }
  }

  /// A zero query, which is what BEVFormer pads with, looks from (0, 0) along the bare pattern.
  void append_peer_head(int64_t entry, int32_t query, int64_t head, int64_t row) {
    const int64_t samples = c_.samples();
    std::vector<float> own(static_cast<size_t>(samples), 0.0f);
    if (query >= 0) std::copy_n(logits.begin() + row * samples, samples, own.begin());
    const float most = *std::max_element(own.begin(), own.end());
    double sum = 0;
    for (const float logit : own) sum += std::exp(static_cast<double>(logit - most));
    for (int64_t i = 0; i < samples; ++i) {
      for (int axis = 0; axis < 2; ++axis) {
        const double base = query >= 0 ? reference_of(entry, query, i)[axis] : 0;
        const double offset = query >= 0 ? offsets[static_cast<size_t>((row * samples + i) * 2 + axis)]
                                         : pattern(head, i % c_.points, axis);
        const float location = static_cast<float>(base + offset / extent(i, axis));
        peer.locations.push_back(location);
        peer.packed.push_back(location);
      }
      peer.weights.push_back(
          static_cast<float>(std::exp(static_cast<double>(own[static_cast<size_t>(i)] - most)) / sum));
    }
    peer.packed.insert(peer.packed.end(), own.begin(), own.end());
  }

  const AttentionCase& c_;
  std::mt19937_64 random_;
};

}  // namespace bevel::bench
