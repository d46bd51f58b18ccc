// Copies to shared memory that their thread does not wait for: what is done too early with them must be
// caught.
#include "emulation_faults.hpp"

namespace {

using namespace emulation_test;

enum class Copying { kCorrect, kNoWait, kNoBarrier, kReadBeforeWait, kWriteBeforeWait, kReadBesideStart };

/** Each thread copies N values and reads those of its neighbour. */
template <int N>
BEVEL_GLOBAL void copy_async_kernel(DeviceSpan<const int> from, DeviceSpan<int> to, int offset, Copying how) {
  BEVEL_SHARED(int, tile, kThreads * 4);
  const int own = threadIdx.x * N;
  const int neighbours = (threadIdx.x + 1) % kThreads * N;
  int early = 0;
  if (how == Copying::kReadBesideStart) {
    tile[own] = 1;
    __syncthreads();
    early += tile[neighbours];
  }
  bevel::copy_async<N>(tile + own, from + (own + offset));
  if (how == Copying::kReadBeforeWait) early += tile[own];
  if (how == Copying::kWriteBeforeWait) tile[neighbours] = 0;
  if (how != Copying::kNoWait) bevel::await_copies();
  if (how != Copying::kNoBarrier) __syncthreads();
  for (int i = 0; i < N; ++i) to[own + i] = early + tile[neighbours + i];
}

template <int N>
void copy(std::vector<int>& to, int offset, Copying how) {
  alignas(16) static const std::array<int, kThreads* 4 + 1> from = [] {
    std::array<int, kThreads * 4 + 1> values{};
    std::iota(values.begin(), values.end(), 0);
    return values;
  }();
  const DeviceSpan<const int> source(from.data(), kThreads * N + 1, "from");
  BEVEL_LAUNCH((copy_async_kernel<N>), 1, kThreads, 0, nullptr, source, span(to), offset, how);
}

TEST(EmulationCopies, ArriveAfterTheWaitAndABarrier) {
  std::vector<int> to(kThreads * 4);
  run_in_all_orders([&] { copy<4>(to, 0, Copying::kCorrect); }, {output("to", to)});
  for (int i = 0; i < kThreads * 4; ++i) EXPECT_EQ(to[static_cast<size_t>(i)], (i + 4) % (kThreads * 4));
  run_in_all_orders([&] { copy<1>(to, 1, Copying::kCorrect); }, {output("to", to)});
  EXPECT_EQ(to[0], 2);
}

TEST(EmulationCopies, AMissingWaitIsCaught) {
  std::vector<int> to(kThreads * 4);
  expect_fault(FaultKind::kUninitializedShared, [&] { copy<2>(to, 0, Copying::kNoWait); });
}

TEST(EmulationCopies, AMissingBarrierIsCaught) {
  std::vector<int> to(kThreads * 4);
  for (Order order : kOrders) {
    // Depending on who comes first the neighbour's place is still empty, or full without an order.
    EXPECT_THROW(run_in_order(order, [&] { copy<2>(to, 0, Copying::kNoBarrier); }), Fault);
  }
}

TEST(EmulationCopies, TouchingThePlaceOfACopyUnderWayIsCaught) {
  std::vector<int> to(kThreads * 4);
  expect_fault(FaultKind::kUninitializedShared, [&] { copy<4>(to, 0, Copying::kReadBeforeWait); });
  expect_fault(FaultKind::kSharedRace, [&] { copy<4>(to, 0, Copying::kWriteBeforeWait); });
  expect_fault(FaultKind::kSharedRace, [&] { copy<4>(to, 0, Copying::kReadBesideStart); });
}

TEST(EmulationCopies, BoundsAndAlignmentAreChecked) {
  std::vector<int> to(kThreads * 4);
  expect_fault(FaultKind::kMisaligned, [&] { copy<4>(to, 1, Copying::kCorrect); });
  expect_fault(FaultKind::kGlobalOutOfBounds, [&] { copy<1>(to, 2, Copying::kCorrect); });
  expect_fault(FaultKind::kGlobalOutOfBounds, [&] { copy<1>(to, -1, Copying::kCorrect); });
}

BEVEL_GLOBAL void no_kernel() {}

TEST(EmulationCopies, LoweringAKernelsSharedMemoryIsCaught) {
  constexpr auto kAttribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
  EXPECT_EQ(cudaFuncSetAttribute(no_kernel, kAttribute, 100 << 10), cudaSuccess);
  EXPECT_EQ(cudaFuncSetAttribute(no_kernel, kAttribute, 100 << 10), cudaSuccess);
  EXPECT_THROW(cudaFuncSetAttribute(no_kernel, kAttribute, 99 << 10), std::logic_error);
}

}  // namespace
