// What the operators' benchmarks share: the run's settings and report, storage types, comparison of results,
// and the settings in which a case's variants are timed.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstring>

#include "buffer.hpp"

namespace bevel::bench {

/// How a host storage type is called on the device.
template <class T>
struct OnDevice;
template <>
struct OnDevice<float> {
  using type = float;
  static constexpr DLDataType dtype = {kDLFloat, 32, 1};
  static constexpr const char* name = "float32";
  static constexpr double tolerance = 1e-4;
};
template <>
struct OnDevice<Float16> {
  using type = __half;
  static constexpr DLDataType dtype = {kDLFloat, 16, 1};
  static constexpr const char* name = "float16";
  static constexpr double tolerance = 2.0 / 1024;
};
template <>
struct OnDevice<Bfloat16> {
  using type = __nv_bfloat16;
  static constexpr DLDataType dtype = {kDLBfloat, 16, 1};
  static constexpr const char* name = "bfloat16";
  static constexpr double tolerance = 2.0 / 128;
};

struct Options {
  std::string json, only, op;
  bool quick = false;
};

/// One way to compute a case. `bytes` must at least move: each tensor once.
struct Variant {
  const char* pass;
  const char* name;
  int64_t bytes;
  std::function<void(int)> call;  ///< enqueues it on set number i of the case's tensors
};

/// A run on one device.
struct Suite {
  const Options& options;
  double bytes_per_ms;  ///< copies, read + write
  int64_t cache_bytes;
  cudaStream_t stream;
  Report& report;
  bool found = false;  ///< whether a case had the name asked for

  bool wants(const char* case_name) {
    const bool wanted = options.only.empty() || options.only == case_name;
    found = found || wanted;
    return wanted;
  }

  /// Sets of tensors that hold three times the caches, so that nothing of a call is left there when its turn
  /// comes again; two at least.
  int rotation(int64_t bytes) const {
    return static_cast<int>(std::min<int64_t>(96, std::max<int64_t>(2, 3 * cache_bytes / bytes + 1)));
  }

  void clear(Buffer& buffer) {
    check(cudaMemsetAsync(buffer.as<void>(), 0, static_cast<size_t>(buffer.bytes()), stream), "memset");
  }
  void finish() {
    check(cudaGetLastError(), "launch");
    check(cudaStreamSynchronize(stream), "kernels");
  }

  /// With cold and hot caches, in a CUDA graph and as single calls; --quick keeps cold caches in a graph.
  /// Every variant must have run once before: kernels are loaded when they are first used.
  template <class T>
  void time_case(const char* op, const char* case_name, int rotation, const std::vector<Variant>& variants) {
    for (const bool cold : {true, false}) {
      for (const bool in_graph : {true, false}) {
        if (options.quick && (!in_graph || !cold)) continue;
        const std::string name =
            std::string(case_name) + (cold ? " cold" : " hot") + (in_graph ? " graph" : " calls");
        for (const Variant& v : variants) {
          report.add({op, name, v.pass, OnDevice<T>::name, v.name,
                      time_calls(stream, cold ? rotation : 1, in_graph, v.call),
                      static_cast<double>(v.bytes) / bytes_per_ms});
        }
      }
    }
  }
};

/// A workspace of `bytes`, 64 at least.
inline std::unique_ptr<Buffer> make_workspace(int64_t bytes) {
  return std::make_unique<Buffer>(std::vector<int64_t>{std::max<int64_t>(bytes, 64)}, kBytes);
}

/// Blocks of 256 threads.
inline unsigned blocks(int64_t threads) { return static_cast<unsigned>((threads + 255) / 256); }

/// Largest difference over the largest value; NaN where either is not finite.
template <class A, class B>
double difference(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return NAN;
  double error = 0, scale = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = bevel::widen(a[i]), y = bevel::widen(b[i]);
    if (!std::isfinite(x) || !std::isfinite(y)) return NAN;
    error = std::fmax(error, std::fabs(x - y));
    scale = std::fmax(scale, std::fabs(y));
  }
  return error / scale;
}

inline void expect_close(const char* what, double error, double tolerance) {
  if (error <= tolerance) return;
  std::fprintf(stderr, "gpu_bench: %s is off by %g, tolerance %g\n", what, error, tolerance);
  std::exit(1);
}

template <class T>
void expect_same_bits(const char* what, const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0) return;
  std::fprintf(stderr, "gpu_bench: %s differs from run to run\n", what);
  std::exit(1);
}

// The operators, each in a file of its own.
void bench_lift_splat(Suite& suite);
void bench_deform_attn(Suite& suite);
void bench_multi_view_sample(Suite& suite);
void bench_bev_warp(Suite& suite);
void bench_deform_conv(Suite& suite);

}  // namespace bevel::bench
