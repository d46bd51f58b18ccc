// Timing on the device: events around batches of calls on rotating buffers, called one by one or as one CUDA
// graph; and what comes of it, as a table and as JSON.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace bevel::bench {

inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "gpu_bench: %s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

struct Times {
  double median_ms, min_ms;
};

/// Time of one call. `call(i)` enqueues work on buffers number i of `rotation`; with one rotation the caches
/// stay hot.
inline Times time_calls(cudaStream_t stream, int rotation, bool in_graph,
                        const std::function<void(int)>& call) {
  constexpr int kBatches = 25, kWarmUps = 3;
  // A batch is long enough for the events' resolution.
  const int calls = std::max(rotation, 20) / rotation * rotation;
  const auto enqueue = [&] {
    for (int i = 0; i < calls; ++i) call(i % rotation);
  };
  cudaGraphExec_t graph = nullptr;
  if (in_graph) {
    cudaGraph_t captured;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "capture");
    enqueue();
    check(cudaStreamEndCapture(stream, &captured), "end of capture");
    check(cudaGraphInstantiate(&graph, captured, 0), "graph");
    check(cudaGraphDestroy(captured), "graph");
  }
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "event");
  check(cudaEventCreate(&end), "event");
  std::vector<double> times;
  for (int batch = -kWarmUps; batch < kBatches; ++batch) {
    check(cudaEventRecord(begin, stream), "event");
    if (graph) {
      check(cudaGraphLaunch(graph, stream), "graph launch");
    } else {
      enqueue();
    }
    check(cudaEventRecord(end, stream), "event");
    check(cudaEventSynchronize(end), "kernels");
    float ms;
    check(cudaEventElapsedTime(&ms, begin, end), "event");
    if (batch >= 0) times.push_back(ms / calls);
  }
  check(cudaEventDestroy(begin), "event");
  check(cudaEventDestroy(end), "event");
  if (graph) check(cudaGraphExecDestroy(graph), "graph");
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.front()};
}

struct Result {
  std::string op, name, pass, dtype, variant;
  Times times;
  double floor_ms;
};

/// Results of one run; the ratio of a variant is to bevel's of the same op, case, pass and dtype.
class Report {
 public:
  explicit Report(std::string device) : device_(std::move(device)) {}

  void add(Result result) {
    std::printf("%-17s %-34s %-10s %-9s %-20s %9.4f %9.4f %9.4f %7.2f\n", result.op.c_str(),
                result.name.c_str(), result.pass.c_str(), result.dtype.c_str(), result.variant.c_str(),
                result.times.median_ms, result.times.min_ms, result.floor_ms, ratio(result));
    std::fflush(stdout);
    results_.push_back(std::move(result));
  }
  static void print_header() {
    std::printf("%-17s %-34s %-10s %-9s %-20s %9s %9s %9s %7s\n", "op", "case", "pass", "dtype", "variant",
                "median ms", "min ms", "floor ms", "ratio");
  }

  /// Says whether bevel takes at most `most_ms`, and the peer `least_ratio` times as long at least.
  void print_goal(const char* op, const std::string& name, const char* pass, const char* dtype,
                  const char* peer, double most_ms, double least_ratio) const {
    for (const Result& r : results_) {
      if (r.op != op || r.name != name || r.pass != pass || r.dtype != dtype) continue;
      if (r.variant == "bevel") {
        std::printf("goal: %s %s %s %s at most %.3f ms: %.4f, %s\n", op, name.c_str(), pass, dtype, most_ms,
                    r.times.median_ms, r.times.median_ms <= most_ms ? "met" : "missed");
      } else if (r.variant == peer) {
        std::printf("goal: %s %s %s %s at least %.1f times as fast as %s: %.2f, %s\n", op, name.c_str(), pass,
                    dtype, least_ratio, peer, ratio(r), ratio(r) >= least_ratio ? "met" : "missed");
      }
    }
  }

  void write_json(const std::string& path) const {
    const std::string temporary = path + ".part";
    FILE* file = std::fopen(temporary.c_str(), "w");
    if (!file) {
      std::fprintf(stderr, "gpu_bench: %s cannot be written\n", temporary.c_str());
      std::exit(1);
    }
    std::fprintf(file, "[");
    for (size_t i = 0; i < results_.size(); ++i) {
      const Result& r = results_[i];
      std::fprintf(
          file,
          "%s\n  {\"op\": \"%s\", \"case\": \"%s\", \"pass\": \"%s\", \"dtype\": \"%s\", \"device\": \"%s\", "
          "\"threads\": 0, \"variant\": \"%s\", \"median_ms\": %.6f, \"min_ms\": %.6f, \"floor_ms\": %.6f, "
          "\"ratio\": %.4f}",
          i ? "," : "", r.op.c_str(), r.name.c_str(), r.pass.c_str(), r.dtype.c_str(), device_.c_str(),
          r.variant.c_str(), r.times.median_ms, r.times.min_ms, r.floor_ms, ratio(r));
    }
    std::fprintf(file, "\n]\n");
    if (std::fclose(file) != 0 || std::rename(temporary.c_str(), path.c_str()) != 0) {
      std::fprintf(stderr, "gpu_bench: %s cannot be written\n", path.c_str());
      std::exit(1);
    }
  }

 private:
  double ratio(const Result& result) const {
    if (result.variant == "bevel") return 1;
    for (const Result& other : results_) {
      if (other.variant == "bevel" && other.op == result.op && other.name == result.name &&
          other.pass == result.pass && other.dtype == result.dtype) {
        return result.times.median_ms / other.times.median_ms;
      }
    }
    return 0;
  }

  std::string device_;
  std::vector<Result> results_;
};

}  // namespace bevel::bench
