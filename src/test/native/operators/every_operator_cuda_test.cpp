// What holds for every CUDA body, from the table of entry points alone: the numbers of the reference, and the
// same bits in every order of threads; atomics add up to the same. Runs on the emulation, and on the hardware
// in the GPU suite.
#include <cstdio>
#include <list>

#include "device_tensor.hpp"
#include "generic.hpp"

namespace bevel::operators {
namespace {

using testing::DeviceTensor;

/// A set's tensors on the device, layouts and all; what is written comes back to the set's own memory.
class OnDevice {
 public:
  OnDevice(const Operator& op, Draw& d) : op_(op), d_(d), params_(d.params) {
    for (DrawnTensor& t : d.tensors) {
      if (!t.given || t.line->role == Role::kWorkspace) continue;
      copies_.emplace_back(t);
      Copy& copy = copies_.back();
      if (t.line->role == Role::kRead) copy.upload();
      const DLTensor* pointer = &copy.view;
      std::memcpy(params_.data() + t.line->offset, &pointer, sizeof pointer);
    }
  }

  /// Makes the workspace that the set asks for.
  bevel_status prepare() {
    if (!op_.workspace) return BEVEL_OK;
    int64_t bytes = 0;
    if (const bevel_status status = op_.workspace(params_.data(), &bytes)) return status;
    workspace_ = std::make_unique<DeviceTensor<uint8_t>>(std::vector<int64_t>{bytes});
    for (const DrawnTensor& t : d_.tensors) {
      const DLTensor* pointer = workspace_->view();
      if (t.line->role == Role::kWorkspace && t.given)
        std::memcpy(params_.data() + t.line->offset, &pointer, sizeof pointer);
    }
    return BEVEL_OK;
  }
  bevel_status enqueue(void* stream) { return op_.run(params_.data(), stream); }
  bevel_status run() {
    const bevel_status status = prepare();
    return status ? status : enqueue(nullptr);
  }

  void poison() {
    for (Copy& copy : copies_) {
      if (copy.of->line->role == Role::kWritten) copy.memory->poison();
    }
  }
  void download() {
    for (Copy& copy : copies_) {
      if (copy.of->line->role != Role::kWritten) continue;
      const std::vector<uint8_t> bytes = copy.memory->download();
      std::copy(bytes.begin(), bytes.end(), copy.of->memory.data());
    }
  }

 private:
  struct Copy {
    explicit Copy(DrawnTensor& t)
        : of(&t),
          memory(std::make_unique<DeviceTensor<uint8_t>>(std::vector<int64_t>{t.memory.bytes()})),
          view(t.view) {
      view.device = {kDLCUDA, 0};
      view.data = t.view.data ? memory->data() : nullptr;
    }
    void upload() {
      testing::Tensor<uint8_t> bytes({of->memory.bytes()});
      std::memcpy(bytes.data(), of->memory.data(), static_cast<size_t>(of->memory.bytes()));
      memory->upload(bytes);
    }

    DrawnTensor* of;
    std::unique_ptr<DeviceTensor<uint8_t>> memory;
    DLTensor view;
  };

  const Operator& op_;
  Draw& d_;
  std::vector<char> params_;
  std::list<Copy> copies_;
  std::unique_ptr<DeviceTensor<uint8_t>> workspace_;
};

/// Sets that fit the emulation, which is slow.
Draw small_set(const Operator& op, int64_t set) {
  for (int64_t next = set;; next += 1000) {
    Draw d = sound_set(op, next);
    int64_t bytes = 0;
    for (const DrawnTensor& t : d.tensors) bytes += t.line->role == Role::kRead ? t.memory.bytes() : 0;
    if (!d["is_double"] && !d["wide"] && bytes < 20000) return d;
  }
}

/// The set without atomics, whose order is the hardware's.
void make_strict(const Operator& op, Draw& d) {
  d.symbols["fast"] = BEVEL_STRICT;
  const int32_t strict = BEVEL_STRICT;
  if (op.determinism) std::memcpy(d.params.data() + op.determinism, &strict, sizeof strict);
}

class EveryCudaBody : public ::testing::TestWithParam<size_t> {
 protected:
  const Operator& op() const { return entry_points()[GetParam()]; }
};
INSTANTIATE_TEST_SUITE_P(EntryPoints, EveryCudaBody, ::testing::ValuesIn(entries_with_reference()),
                         name_of_entry);

TEST_P(EveryCudaBody, GivesWhatItsReferenceGivesInEveryOrder) {
  for (int64_t set = 0; set < 6; ++set) {
    SCOPED_TRACE("set " + std::to_string(set));
    Draw d = small_set(op(), set);
    write_pointers(d);
    const Numbers expected = expected_of(op(), d);
    OnDevice device(op(), d);
    const auto run = [&] {
      device.poison();
      ASSERT_EQ(BEVEL_OK, device.run()) << bevel_last_error();
      device.download();
    };
#if defined(BEVEL_EMULATE_CUDA)
    using emulation::Order;
    std::vector<Numbers> in_order;
    for (const Order order : {Order::kForward, Order::kReverse, Order::kRandom}) {
      emulation::run_in_order(order, run);
      if (HasFatalFailure()) return;
      in_order.push_back(results(d));
    }
#else
    std::vector<Numbers> in_order;
    for (int again = 0; again < 3; ++again) {
      run();
      if (HasFatalFailure()) return;
      in_order.push_back(results(d));
    }
#endif
    expect_close(d, in_order[0], expected);
    const bool fast = op().determinism && d["fast"];
    for (size_t k = 1; k < in_order.size(); ++k) {
      if (fast) {
        expect_close(d, in_order[k], expected);
      } else {
        EXPECT_EQ(in_order[0], in_order[k]) << "the order of threads changes the result";
      }
    }
  }
}

TEST_P(EveryCudaBody, GivesTheSameOutputsWithoutTheOthers) {
  // The set with the most outputs.
  const auto outputs = [](const Draw& d) {
    return std::count_if(d.tensors.begin(), d.tensors.end(), is_written);
  };
  Draw d = small_set(op(), 1);
  for (int64_t set = 2; set < 40; ++set) {
    Draw other = small_set(op(), set);
    if (outputs(other) > outputs(d)) d = std::move(other);
  }
  make_strict(op(), d);
  const auto run = [&] {
    write_pointers(d);
    OnDevice device(op(), d);
    const bevel_status status = device.run();
    if (status == BEVEL_OK) device.download();
    return status;
  };
  ASSERT_EQ(BEVEL_OK, run()) << bevel_last_error();
  const Numbers all = results(d);
  int compared = 0;
  for (const auto& [one, ignored] : all) {
    for (const bool alone : {true, false}) {  // this one, or all but this one
      for (DrawnTensor& t : d.tensors) {
        if (all.contains(t.line->name)) t.given = (t.line->name == one) == alone;
      }
      const bevel_status status = run();
      if (status == BEVEL_INVALID_ARGUMENT) continue;  // an output that must be given is not
      ASSERT_EQ(BEVEL_OK, status) << bevel_last_error();
      ++compared;
      for (const auto& [name, numbers] : results(d))
        EXPECT_EQ(all.at(name), numbers) << name << ", of " << one;
    }
  }
  EXPECT_TRUE(all.size() < 2 || compared > 0);
}

#if !defined(BEVEL_EMULATE_CUDA)
// A call allocates nothing and waits for nothing, so that it can be captured; a replay is the call again.
TEST_P(EveryCudaBody, ReplaysOfAGraphHaveTheBitsOfCalls) {
  using testing::check_runtime;
  for (int64_t set = 0; set < 3; ++set) {
    SCOPED_TRACE("set " + std::to_string(set));
    Draw d = small_set(op(), set);
    make_strict(op(), d);
    write_pointers(d);
    OnDevice device(op(), d);
    device.poison();
    ASSERT_EQ(BEVEL_OK, device.run()) << bevel_last_error();
    device.download();
    const Numbers expected = results(d);

    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    check_runtime(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    check_runtime(cudaDeviceSynchronize());
    check_runtime(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    const bevel_status status = device.enqueue(stream);
    EXPECT_EQ(BEVEL_OK, status) << bevel_last_error();
    check_runtime(cudaStreamEndCapture(stream, &graph));
    check_runtime(cudaGraphInstantiate(&executable, graph, 0));
    for (int replay = 0; replay < 3; ++replay) {
      device.poison();
      check_runtime(cudaDeviceSynchronize());
      check_runtime(cudaGraphLaunch(executable, stream));
      check_runtime(cudaStreamSynchronize(stream));
      device.download();
      EXPECT_EQ(expected, results(d)) << "replay " << replay;
    }
    check_runtime(cudaGraphExecDestroy(executable));
    check_runtime(cudaGraphDestroy(graph));
    check_runtime(cudaStreamDestroy(stream));
  }
}
#endif

}  // namespace
}  // namespace bevel::operators

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::operators::kGenericSeed));
  if (bevel_set_cuda_library(BEVEL_TEST_CUDA_LIBRARY) != BEVEL_OK) {
    std::fprintf(stderr, "%s\n", bevel_last_error());
    return 2;
  }
  return RUN_ALL_TESTS();
}
