// Times Bevel's CUDA kernels on this machine's device against the peers' algorithms and the memory's own
// speed. Results are compared before anything is timed. Usage: gpu_bench [--json FILE] [--op OPERATOR]
// [--case NAME] [--quick]; with --probe it only clears a few bytes on the device.
#include "suite.hpp"

namespace bevel::bench {
namespace {

struct Operator {
  const char* name;
  void (*run)(Suite&);
};

constexpr Operator kOperators[] = {
    {"lift_splat", bench_lift_splat},   {"multi_view_sample", bench_multi_view_sample},
    {"bev_warp", bench_bev_warp},       {"deform_conv", bench_deform_conv},
    {"deform_attn", bench_deform_attn},
};

double copy_bytes_per_ms(cudaStream_t stream) {
  const int64_t bytes = int64_t{1} << 30;
  Buffer from({bytes}, kBytes), to({bytes}, kBytes);
  const Times times = time_calls(stream, 1, false, [&](int) {
    check(cudaMemcpyAsync(to.as<void>(), from.as<void>(), static_cast<size_t>(bytes),
                          cudaMemcpyDeviceToDevice, stream),
          "copy");
  });
  return 2.0 * static_cast<double>(bytes) / times.median_ms;
}

[[noreturn]] void refuse(const std::string& reason) {
  std::string operators;
  for (const Operator& op : kOperators) operators += std::string(" ") + op.name;
  std::fprintf(stderr,
               "gpu_bench: %s\nusage: gpu_bench [--json FILE] [--op OPERATOR] [--case NAME] [--quick]\n"
               "operators:%s\n",
               reason.c_str(), operators.c_str());
  std::exit(2);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--quick") {
      options.quick = true;
    } else if (argument == "--json" && i + 1 < argc) {
      options.json = argv[++i];
    } else if (argument == "--op" && i + 1 < argc) {
      options.op = argv[++i];
    } else if (argument == "--case" && i + 1 < argc) {
      options.only = argv[++i];
    } else {
      refuse("unknown argument " + argument);
    }
  }
  return options;
}

void run(const Options& options) {
  bool known = options.op.empty();
  for (const Operator& op : kOperators) known = known || options.op == op.name;
  if (!known) refuse("there is no operator " + options.op);
  cudaDeviceProp device;
  check(cudaGetDeviceProperties(&device, 0), "device 0");
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  Report report(device.name);
  Suite suite = {options, copy_bytes_per_ms(stream), device.l2CacheSize, stream, report};
  std::printf("%s, %d multiprocessors, %.0f MB of L2, copies at %.2f TB/s (read + write)\n", device.name,
              device.multiProcessorCount, device.l2CacheSize / 1e6, suite.bytes_per_ms / 1e9);
  Report::print_header();
  for (const Operator& op : kOperators) {
    if (!options.op.empty() && options.op != op.name) continue;
    op.run(suite);
    // What is measured is not lost when a later operator fails.
    if (!options.json.empty() && suite.found) report.write_json(options.json);
  }
  if (!suite.found) refuse("there is no case " + options.only);
  check(cudaStreamDestroy(stream), "stream");
}

}  // namespace
}  // namespace bevel::bench

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--probe") == 0) {
    const bevel::bench::Buffer buffer({1}, bevel::bench::kInt32);
    bevel::bench::check(cudaDeviceSynchronize(), "device 0");
    return 0;
  }
  if (bevel_set_cuda_library(BEVEL_TEST_CUDA_LIBRARY) != BEVEL_OK) {
    std::fprintf(stderr, "gpu_bench: %s\n", bevel_last_error());
    return 1;
  }
  bevel::bench::run(bevel::bench::parse(argc, argv));
  return 0;
}
