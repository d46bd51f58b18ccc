// What only the hardware can show: calls captured in a CUDA graph, and calls of several threads. Part of the
// GPU suite.
#include <cstdio>
#include <thread>

#include "lift_splat_cuda_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20260303;
constexpr CallOptions kOptions = {true, false, false, true};

/// Forward and backward of a case, with memory of their own.
class Passes {
 public:
  Passes(Call<float>& call, DevicePlan& plan)
      : depth_(call.depth),
        context_(call.context),
        grad_out_(call.grad_out),
        out_(call.out.shape()),
        probabilities_(call.probabilities.shape()),
        grad_depth_(call.grad_depth.shape()),
        grad_context_(call.grad_context.shape()),
        forward_(call.forward_params()),
        backward_(call.backward_params()) {
    forward_.plan = backward_.plan = plan.plan().view();
    forward_.depth = depth_.view();
    forward_.context = backward_.context = context_.view();
    forward_.out = out_.view();
    forward_.probabilities = probabilities_.view();
    backward_.probabilities = probabilities_.view();
    backward_.grad_out = grad_out_.view();
    backward_.grad_depth = grad_depth_.view();
    backward_.grad_context = grad_context_.view();
    int64_t bytes = 0;
    EXPECT_BEVEL_OK(bevel_lift_splat_forward_workspace(&forward_, &bytes));
    forward_workspace_ = std::make_unique<DeviceTensor<uint8_t>>(std::vector<int64_t>{bytes});
    forward_.workspace = forward_workspace_->view();
    EXPECT_BEVEL_OK(bevel_lift_splat_backward_workspace(&backward_, &bytes));
    backward_workspace_ = std::make_unique<DeviceTensor<uint8_t>>(std::vector<int64_t>{bytes});
    backward_.workspace = backward_workspace_->view();
  }

  void enqueue(cudaStream_t stream) {
    EXPECT_BEVEL_OK(bevel_lift_splat_forward(&forward_, stream));
    EXPECT_BEVEL_OK(bevel_lift_splat_backward(&backward_, stream));
  }
  std::vector<std::vector<unsigned char>> results() const {
    return {out_.download_bytes(), grad_depth_.download_bytes(), grad_context_.download_bytes()};
  }
  void poison() {
    out_.poison();
    probabilities_.poison();
    grad_depth_.poison();
    grad_context_.poison();
  }

 private:
  DeviceTensor<float> depth_, context_, grad_out_, out_, probabilities_, grad_depth_, grad_context_;
  bevel_lift_splat_forward_params forward_;
  bevel_lift_splat_backward_params backward_;
  std::unique_ptr<DeviceTensor<uint8_t>> forward_workspace_, backward_workspace_;
};

TEST(CudaGraph, ReplaysHaveTheBitsOfCalls) {
  PlanCase host_plan({1, 6, 20, 16, 22, 32, 64, 64, 1}, {});
  host_plan.build();
  DevicePlan plan(host_plan);
  plan.build();
  Call<float> call(host_plan, kOptions, kSeed);
  Passes passes(call, plan);
  cudaStream_t stream;
  check_runtime(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  check_runtime(cudaDeviceSynchronize());
  passes.enqueue(stream);
  check_runtime(cudaStreamSynchronize(stream));
  const auto expected = passes.results();

  cudaGraph_t graph;
  cudaGraphExec_t executable;
  check_runtime(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  passes.enqueue(stream);
  // What must wait for the stream is refused, and the capture goes on.
  bevel_lift_splat_plan_info info = {};
  info.struct_size = sizeof info;
  EXPECT_EQ(BEVEL_CUDA_ERROR, bevel_lift_splat_plan_read_info(plan.plan().view(), &info, stream));
  check_runtime(cudaStreamEndCapture(stream, &graph));
  check_runtime(cudaGraphInstantiate(&executable, graph, 0));
  for (int replay = 0; replay < 3; ++replay) {
    passes.poison();
    check_runtime(cudaDeviceSynchronize());
    check_runtime(cudaGraphLaunch(executable, stream));
    check_runtime(cudaStreamSynchronize(stream));
    EXPECT_TRUE(expected == passes.results()) << "replay " << replay;
  }
  check_runtime(cudaGraphExecDestroy(executable));
  check_runtime(cudaGraphDestroy(graph));
  check_runtime(cudaStreamDestroy(stream));
}

// Tiles of very different size from several threads: no call may take from another the shared memory that it
// is about to launch with.
TEST(CudaThreads, CallsOfDifferentShapesDoNotDisturbEachOther) {
  const Sizes sizes[] = {
      {1, 2, 59, 16, 44, 64, 64, 64, 1}, {1, 1, 4, 4, 4, 8, 16, 16, 1}, {1, 1, 60, 255, 2, 64, 32, 32, 1}};
  std::vector<std::thread> threads;
  for (const Sizes& size : sizes) {
    threads.emplace_back([&size] {
      PlanCase host_plan(size, {.method = BEVEL_LIFT_SPLAT_COLUMNS});
      host_plan.build();
      DevicePlan plan(host_plan);
      plan.build();
      Call<float> call(host_plan, kOptions, kSeed);
      Passes passes(call, plan);
      cudaStream_t stream;
      check_runtime(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
      check_runtime(cudaDeviceSynchronize());
      std::vector<std::vector<unsigned char>> first;
      for (int round = 0; round < 200; ++round) {
        passes.enqueue(stream);
        check_runtime(cudaStreamSynchronize(stream));
        if (round == 0) first = passes.results();
      }
      EXPECT_TRUE(first == passes.results());
      check_runtime(cudaStreamDestroy(stream));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  if (bevel_set_cuda_library(BEVEL_TEST_CUDA_LIBRARY) != BEVEL_OK) {
    std::fprintf(stderr, "%s\n", bevel_last_error());
    return 2;
  }
  return RUN_ALL_TESTS();
}
