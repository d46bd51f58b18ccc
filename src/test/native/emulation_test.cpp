// The emulation must catch what it promises to catch. Every faulty kernel stands beside a correct twin, which
// must pass in every order with the right result.
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <optional>

#include "core/cuda_target.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace {

using bevel::DeviceSpan;
using bevel::SharedSpan;
using bevel::emulation::DeviceBuffer;
using bevel::emulation::Fault;
using bevel::emulation::FaultKind;
using bevel::emulation::Order;
using bevel::emulation::output;
using bevel::emulation::run_in_all_orders;
using bevel::emulation::run_in_order;

constexpr int kThreads = 96;
constexpr unsigned kAll = 0xFFFFFFFFu;
constexpr std::array kOrders{Order::kForward, Order::kReverse, Order::kRandom};

std::vector<int> counting(size_t count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

DeviceSpan<int> span(std::vector<int>& values) {
  return {values.data(), static_cast<int64_t>(values.size()), "values"};
}

/** Runs in each order; each must end in a fault of this kind. Gives back the last message. */
template <class F>
std::string expect_fault(FaultKind kind, F run) {
  std::string message;
  for (Order order : kOrders) {
    try {
      run_in_order(order, run);
      ADD_FAILURE() << "no fault in order " << to_string(order) << ", expected: " << to_string(kind);
    } catch (const Fault& fault) {
      EXPECT_EQ(to_string(fault.kind()), std::string(to_string(kind))) << fault.what();
      message = fault.what();
    }
  }
  return message;
}

// ---- Barriers and races
// -----------------------------------------------------------------------------------------------

/** Each thread hands its value to its neighbour through shared memory. */
BEVEL_GLOBAL void rotate_kernel(DeviceSpan<int> values, bool first_barrier, bool second_barrier) {
  BEVEL_SHARED(int, tile, kThreads);
  tile[threadIdx.x] = 0;
  __syncthreads();
  tile[threadIdx.x] = values[threadIdx.x];
  if (first_barrier) __syncthreads();
  const int neighbour = tile[(threadIdx.x + 1) % kThreads];
  if (second_barrier) __syncthreads();
  tile[threadIdx.x] = neighbour;
  __syncthreads();
  values[threadIdx.x] = tile[threadIdx.x];
}

void rotate(std::vector<int>& values, bool first_barrier, bool second_barrier) {
  ASSERT_EQ(BEVEL_LAUNCH(rotate_kernel, 1, kThreads, 0, nullptr, span(values), first_barrier, second_barrier),
            cudaSuccess);
}

TEST(Emulation, CorrectExchangeThroughSharedMemoryPasses) {
  std::vector<int> values = counting(kThreads);
  run_in_all_orders([&] { rotate(values, true, true); }, {output("values", values)});
  for (int i = 0; i < kThreads; ++i) EXPECT_EQ(values[static_cast<size_t>(i)], (i + 1) % kThreads);
}

TEST(Emulation, MissingBarrierBetweenWriteAndReadIsCaught) {
  std::vector<int> values = counting(kThreads);
  expect_fault(FaultKind::kSharedRace, [&] { rotate(values, false, true); });
}

TEST(Emulation, MissingBarrierBetweenReadAndWriteIsCaught) {
  std::vector<int> values = counting(kThreads);
  const std::string message = expect_fault(FaultKind::kSharedRace, [&] { rotate(values, true, false); });
  EXPECT_NE(message.find("'tile'"), std::string::npos) << message;
  EXPECT_NE(message.find("rotate_kernel, block (0, 0, 0), thread ("), std::string::npos) << message;
  EXPECT_NE(message.find("emulation_test.cpp:"), std::string::npos) << message;
}

/** Sums over the block; `racy`: all threads write one word instead. */
BEVEL_GLOBAL void sum_kernel(DeviceSpan<int> values, bool racy) {
  BEVEL_SHARED(int, sum, 1);
  if (threadIdx.x == 0) sum[0] = 0;
  __syncthreads();
  if (racy) {
    sum[0] += values[threadIdx.x];
  } else {
    atomicAdd(&sum[0], values[threadIdx.x]);
  }
  __syncthreads();
  const int total = sum[0];
  values[threadIdx.x] = total;
}

TEST(Emulation, RaceIsCaughtAndAtomicsAreNone) {
  std::vector<int> values = counting(kThreads);
  expect_fault(FaultKind::kSharedRace,
               [&] { BEVEL_LAUNCH(sum_kernel, 1, kThreads, 0, nullptr, span(values), true); });
  values = counting(kThreads);
  run_in_all_orders([&] { BEVEL_LAUNCH(sum_kernel, 1, kThreads, 0, nullptr, span(values), false); },
                    {output("values", values)});
  EXPECT_EQ(values[7], kThreads * (kThreads - 1) / 2);
}

/** An atomic does not excuse a plain read beside it. */
BEVEL_GLOBAL void read_beside_atomic_kernel(DeviceSpan<int> values) {
  BEVEL_SHARED(int, sum, 1);
  if (threadIdx.x == 0) sum[0] = 0;
  __syncthreads();
  atomicAdd(&sum[0], 1);
  values[threadIdx.x] = sum[0];
}

TEST(Emulation, PlainReadBesideAtomicsIsARace) {
  std::vector<int> values = counting(kThreads);
  expect_fault(FaultKind::kSharedRace,
               [&] { BEVEL_LAUNCH(read_beside_atomic_kernel, 1, kThreads, 0, nullptr, span(values)); });
}

enum class Divergence { kNone, kOneBranch, kTwoBranches, kEarlyReturn };

BEVEL_GLOBAL void diverge_kernel(DeviceSpan<int> values, Divergence divergence) {
  const bool low = threadIdx.x < 32;
  if (divergence == Divergence::kEarlyReturn && low) return;
  if (divergence == Divergence::kOneBranch) {
    if (low) __syncthreads();
  } else if (divergence == Divergence::kTwoBranches) {
    if (low) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  } else {
    __syncthreads();
  }
  values[threadIdx.x] = 1;
}

TEST(Emulation, DivergentBarriersAreCaught) {
  std::vector<int> values = counting(kThreads);
  const auto launch = [&](Divergence divergence) {
    return [&values, divergence] {
      BEVEL_LAUNCH(diverge_kernel, 1, kThreads, 0, nullptr, span(values), divergence);
    };
  };
  run_in_all_orders(launch(Divergence::kNone), {output("values", values)});
  expect_fault(FaultKind::kDivergentBarrier, launch(Divergence::kTwoBranches));
  expect_fault(FaultKind::kDivergentBarrier, launch(Divergence::kEarlyReturn));
  const std::string message = expect_fault(FaultKind::kDivergentBarrier, launch(Divergence::kOneBranch));
  EXPECT_NE(message.find("64 threads left the kernel"), std::string::npos) << message;
  EXPECT_NE(message.find("32 threads wait in __syncthreads"), std::string::npos) << message;
}

BEVEL_GLOBAL void vote_kernel(DeviceSpan<int> values) {
  const int even = threadIdx.x % 2 == 0;
  const int count = __syncthreads_count(even);
  const int any = __syncthreads_or(threadIdx.x == 5);
  const int all = __syncthreads_and(threadIdx.x != 5);
  values[threadIdx.x] = count * 100 + any * 10 + all;
}

TEST(Emulation, BarriersThatVote) {
  std::vector<int> values = counting(kThreads);
  run_in_all_orders([&] { BEVEL_LAUNCH(vote_kernel, 1, kThreads, 0, nullptr, span(values)); },
                    {output("values", values)});
  for (int value : values) EXPECT_EQ(value, kThreads / 2 * 100 + 10);
}

// ---- Bounds, alignment, initialization
// ----------------------------------------------------------------------------------

BEVEL_GLOBAL void shared_index_kernel(DeviceSpan<int> values, int offset) {
  BEVEL_SHARED(int, before, 4);
  BEVEL_SHARED(int, tile, kThreads);
  BEVEL_SHARED(int, after, 4);
  if (threadIdx.x < 4) before[threadIdx.x] = after[3 - threadIdx.x] = 0;
  tile[threadIdx.x + offset] = values[threadIdx.x];
}

TEST(Emulation, SharedOffByOneIsCaught) {
  std::vector<int> values = counting(kThreads);
  const auto launch = [&](int offset) {
    return [&values, offset] {
      BEVEL_LAUNCH(shared_index_kernel, 1, kThreads, 0, nullptr, span(values), offset);
    };
  };
  run_in_all_orders(launch(0), {output("values", values)});
  expect_fault(FaultKind::kSharedOutOfBounds, launch(-1));
  const std::string message = expect_fault(FaultKind::kSharedOutOfBounds, launch(1));
  EXPECT_NE(message.find("'tile' [96] of 96"), std::string::npos) << message;
}

BEVEL_GLOBAL void red_zone_kernel(int* poisoned) {
  BEVEL_SHARED(float, tile, 5);
  if (threadIdx.x != 0) return;
#if defined(__SANITIZE_ADDRESS__)
  std::byte* begin = tile.address();
  poisoned[0] = __asan_address_is_poisoned(begin - 1);
  poisoned[1] = __asan_address_is_poisoned(begin) || __asan_address_is_poisoned(begin + 19);
  poisoned[2] = __asan_address_is_poisoned(begin + 20);
#endif
}

TEST(Emulation, SharedArraysLieBetweenRedZones) {
#if defined(__SANITIZE_ADDRESS__)
  int poisoned[3] = {-1, -1, -1};
  BEVEL_LAUNCH(red_zone_kernel, 1, 32, 0, nullptr, poisoned);
  EXPECT_EQ(poisoned[0], 1);
  EXPECT_EQ(poisoned[1], 0);
  EXPECT_EQ(poisoned[2], 1);
#else
  GTEST_SKIP() << "built without AddressSanitizer";
#endif
}

BEVEL_GLOBAL void dynamic_shared_kernel(DeviceSpan<int> values, int extra) {
  BEVEL_DYNAMIC_SHARED(int, memory);
  const SharedSpan<int> first = bevel::subarray(memory, kThreads, "first");
  const SharedSpan<float> second =
      bevel::subarray(bevel::pointer_cast<float>(memory + kThreads), kThreads, "second");
  first[threadIdx.x + extra] = values[threadIdx.x];
  second[threadIdx.x] = 0.5f;
  __syncthreads();
  const float half = second[kThreads - 1 - threadIdx.x];
  values[threadIdx.x] = static_cast<int>(2 * half) + first[threadIdx.x];
}

TEST(Emulation, PartsOfDynamicSharedMemoryHaveTheirOwnBounds) {
  std::vector<int> values = counting(kThreads);
  const auto launch = [&](size_t bytes, int extra) {
    return [&values, bytes, extra] {
      BEVEL_LAUNCH(dynamic_shared_kernel, 1, kThreads, bytes, nullptr, span(values), extra);
    };
  };
  run_in_all_orders(launch(8 * kThreads, 0), {output("values", values)});
  EXPECT_EQ(values[3], 4);
  expect_fault(FaultKind::kSharedOutOfBounds, launch(8 * kThreads, 1));
  expect_fault(FaultKind::kSharedOutOfBounds, launch(8 * kThreads - 4, 0));
}

BEVEL_GLOBAL void global_index_kernel(DeviceSpan<const int> from, DeviceSpan<int> to, int offset) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  to[i] = __ldg(from + i + offset);
}

TEST(Emulation, GlobalOffByOneIsCaught) {
  std::vector<int> from = counting(2 * kThreads), to(2 * kThreads);
  const auto launch = [&](int offset, size_t count) {
    return [&, offset, count] {
      BEVEL_LAUNCH(global_index_kernel, 2, kThreads, 0, nullptr,
                   DeviceSpan<const int>(from.data(), 2 * kThreads, "from"),
                   DeviceSpan<int>(to.data(), static_cast<int64_t>(count), "to"), offset);
    };
  };
  run_in_all_orders(launch(0, to.size()), {output("to", to)});
  EXPECT_EQ(to, from);
  expect_fault(FaultKind::kGlobalOutOfBounds, launch(1, to.size()));
  expect_fault(FaultKind::kGlobalOutOfBounds, launch(-1, to.size()));
  const std::string message = expect_fault(FaultKind::kGlobalOutOfBounds, launch(0, to.size() - 1));
  EXPECT_NE(message.find("write of 'to' [191] of 191"), std::string::npos) << message;
  EXPECT_NE(message.find("block (1, 0, 0), thread (95, 0, 0)"), std::string::npos) << message;
}

BEVEL_GLOBAL void vector_kernel(DeviceSpan<const float> from, DeviceSpan<float> to, int offset) {
  const bevel::Vector<float, 4> four = bevel::load_vector_readonly<4>(from + 4 * threadIdx.x + offset);
  bevel::store_vector(to + 4 * threadIdx.x, four);
}

TEST(Emulation, MisalignedVectorIsCaught) {
  alignas(16) std::array<float, 132> from{}, to{};
  std::iota(from.begin(), from.end(), 0.0f);
  const auto launch = [&](int offset) {
    return [&, offset] {
      BEVEL_LAUNCH(vector_kernel, 1, 32, 0, nullptr, DeviceSpan<const float>(from.data(), 132),
                   DeviceSpan<float>(to.data(), 132), offset);
    };
  };
  run_in_all_orders(launch(4), {{"to", to.data(), sizeof to}});
  EXPECT_EQ(to[127], 131.0f);
  expect_fault(FaultKind::kMisaligned, launch(2));
}

BEVEL_GLOBAL void partly_written_kernel(DeviceSpan<int> values, unsigned written) {
  BEVEL_SHARED(int, tile, kThreads);
  if (threadIdx.x < written) tile[threadIdx.x] = values[threadIdx.x];
  __syncthreads();
  const int mirrored = tile[kThreads - 1 - threadIdx.x];
  values[threadIdx.x] = mirrored;
}

TEST(Emulation, UninitializedSharedReadIsCaughtInEveryBlock) {
  for (unsigned blocks : {1u, 3u}) {
    std::vector<int> values = counting(kThreads);
    expect_fault(FaultKind::kUninitializedShared, [&] {
      BEVEL_LAUNCH(partly_written_kernel, blocks, kThreads, 0, nullptr, span(values), kThreads - 1);
    });
  }
  std::vector<int> values = counting(kThreads);
  run_in_all_orders(
      [&] { BEVEL_LAUNCH(partly_written_kernel, 1, kThreads, 0, nullptr, span(values), kThreads); },
      {output("values", values)});
  EXPECT_EQ(values[0], kThreads - 1);
}

BEVEL_GLOBAL void copy_kernel(DeviceSpan<const int> from, DeviceSpan<int> to) {
  to[threadIdx.x] = from[threadIdx.x];
}

TEST(Emulation, UninitializedDeviceMemoryIsCaught) {
  std::vector<int> to(kThreads);
  expect_fault(FaultKind::kUninitializedGlobal, [&] {
    DeviceBuffer<int> workspace(kThreads);
    cudaMemsetAsync(workspace.data(), 0, workspace.bytes() - 4);
    BEVEL_LAUNCH(copy_kernel, 1, kThreads, 0, nullptr, DeviceSpan<const int>(workspace.data(), kThreads),
                 span(to));
  });
  DeviceBuffer<int> workspace(kThreads);
  cudaMemsetAsync(workspace.data(), 0, workspace.bytes());
  run_in_all_orders(
      [&] {
        BEVEL_LAUNCH(copy_kernel, 1, kThreads, 0, nullptr, DeviceSpan<const int>(workspace.data(), kThreads),
                     span(to));
      },
      {output("to", to)});
}

BEVEL_GLOBAL void overlap_kernel(DeviceSpan<int> values, int stride) {
  values[blockIdx.x * stride + threadIdx.x] = static_cast<int>(threadIdx.x);
}

BEVEL_GLOBAL void overlap_bytes_kernel(DeviceSpan<uint8_t> values) {
  values[blockIdx.x * kThreads + threadIdx.x] = static_cast<uint8_t>(threadIdx.x);
}

TEST(Emulation, BlocksThatWriteTheSameWordAreARace) {
  std::vector<int> values(4 * kThreads);
  const auto launch = [&](int stride) {
    return [&values, stride] { BEVEL_LAUNCH(overlap_kernel, 4, kThreads, 0, nullptr, span(values), stride); };
  };
  run_in_all_orders(launch(kThreads), {output("values", values)});
  expect_fault(FaultKind::kGlobalRace, launch(kThreads - 1));
  std::vector<uint8_t> bytes(2 * kThreads);
  run_in_all_orders(
      [&] {
        BEVEL_LAUNCH(overlap_bytes_kernel, 2, kThreads, 0, nullptr,
                     DeviceSpan<uint8_t>(bytes.data(), 2 * kThreads));
      },
      {output("bytes", bytes)});
}

// ---- Warps
// --------------------------------------------------------------------------------------------------------------

BEVEL_GLOBAL void warp_exchange_kernel(DeviceSpan<int> values, bool with_syncwarp, bool with_shuffle) {
  BEVEL_SHARED(int, tile, 32);
  tile[threadIdx.x] = 0;
  __syncthreads();
  tile[threadIdx.x] = values[threadIdx.x];
  if (with_syncwarp) __syncwarp();
  if (with_shuffle) __shfl_sync(kAll, 0, 0);
  const int mirrored = tile[31 - threadIdx.x];
  values[threadIdx.x] = mirrored;
}

TEST(Emulation, SyncwarpOrdersMemoryAndShufflesDoNot) {
  std::vector<int> values = counting(32);
  const auto launch = [&](bool with_syncwarp, bool with_shuffle) {
    return [&values, with_syncwarp, with_shuffle] {
      BEVEL_LAUNCH(warp_exchange_kernel, 1, 32, 0, nullptr, span(values), with_syncwarp, with_shuffle);
    };
  };
  run_in_all_orders(launch(true, false), {output("values", values)});
  EXPECT_EQ(values[0], 31);
  expect_fault(FaultKind::kSharedRace, launch(false, false));
  expect_fault(FaultKind::kSharedRace, launch(false, true));
}

/** Lane 0 reads what all read before; without a __syncwarp of all lanes lane 31 may not write it. */
BEVEL_GLOBAL void broadcast_kernel(DeviceSpan<int> values, unsigned mask) {
  BEVEL_SHARED(int, word, 1);
  if (threadIdx.x == 0) word[0] = 7;
  __syncthreads();
  const int seen = word[0];
  if (mask >> threadIdx.x & 1u) __syncwarp(mask);
  if (threadIdx.x == 31) word[0] = 8;
  values[threadIdx.x] = seen;
}

TEST(Emulation, SyncwarpOrdersOnlyTheLanesOfItsMask) {
  std::vector<int> values = counting(32);
  const auto launch = [&](unsigned mask) {
    return [&values, mask] { BEVEL_LAUNCH(broadcast_kernel, 1, 32, 0, nullptr, span(values), mask); };
  };
  run_in_all_orders(launch(kAll), {output("values", values)});
  // In order forward lane 31 runs last and in reverse first: the race shows from one side or the other.
  expect_fault(FaultKind::kSharedRace, launch(0xFFFF0000u));
}

enum class Mask { kRight, kOwnLaneMissing, kLaneLeft, kLaneElsewhere, kSourceOutside, kDifferent };

BEVEL_GLOBAL void mask_kernel(DeviceSpan<int> values, Mask mistake) {
  const unsigned lane = threadIdx.x % 32;
  int value = values[threadIdx.x];
  switch (mistake) {
    case Mask::kRight:
      value = __shfl_xor_sync(kAll, value, 1);
      if (lane < 16) value = __shfl_down_sync(0x0000FFFFu, value, 1, 16);
      if (lane >= 16) value = __shfl_up_sync(0xFFFF0000u, value, 1, 16);
      break;
    case Mask::kOwnLaneMissing:
      value = __shfl_xor_sync(0x7FFFFFFFu, value, 1);
      break;
    case Mask::kLaneLeft:
      if (lane == 3) return;
      value = __shfl_xor_sync(kAll, value, 1);
      break;
    case Mask::kLaneElsewhere:
      if (lane == 3) {
        __syncthreads();
      } else {
        value = __shfl_sync(kAll, value, 0);
        __syncthreads();
      }
      break;
    case Mask::kSourceOutside:
      if (lane < 16) value = __shfl_sync(0x0000FFFFu, value, 16);
      break;
    case Mask::kDifferent:
      value = __shfl_sync(lane < 16 ? kAll : 0xFFFFFFFEu, value, 20);
      break;
  }
  values[threadIdx.x] = value;
}

TEST(Emulation, WrongShuffleMasksAreCaught) {
  std::vector<int> values = counting(64);
  const auto launch = [&](Mask mistake) {
    return [&values, mistake] { BEVEL_LAUNCH(mask_kernel, 1, 64, 0, nullptr, span(values), mistake); };
  };
  for (Mask mistake : {Mask::kOwnLaneMissing, Mask::kLaneElsewhere, Mask::kSourceOutside, Mask::kDifferent}) {
    expect_fault(FaultKind::kWarpMask, launch(mistake));
  }
  const std::string message = expect_fault(FaultKind::kWarpMask, launch(Mask::kLaneLeft));
  EXPECT_NE(message.find("wait in __shfl_xor_sync with mask 0xFFFFFFFF"), std::string::npos) << message;
  values = counting(64);
  run_in_all_orders(launch(Mask::kRight), {output("values", values)});
  EXPECT_EQ(values[0], 0);    // lane 1 after the exchange
  EXPECT_EQ(values[15], 14);  // outside its segment: its own
  EXPECT_EQ(values[17], 17);  // lane 16's value, which came from lane 17
}

BEVEL_GLOBAL void votes_kernel(DeviceSpan<int> values) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  int checks = 0;
  checks |= (__ballot_sync(kAll, lane % 2) == 0xAAAAAAAAu) << 0;
  checks |= (__any_sync(kAll, lane == 31) == 1) << 1;
  checks |= (__all_sync(kAll, lane < 31) == 0) << 2;
  checks |= (__reduce_add_sync(kAll, lane) == 496) << 3;
  checks |= (__reduce_max_sync(kAll, -lane) == 0) << 4;
  checks |= (__reduce_min_sync(kAll, -lane) == -31) << 5;
  checks |= (__reduce_or_sync(kAll, 1u << lane) == kAll) << 6;
  checks |= (__reduce_and_sync(kAll, ~(1u << lane)) == 0u) << 7;
  checks |= (__match_any_sync(kAll, lane / 8) == 0xFFu << (lane / 8 * 8)) << 8;
  checks |= (__shfl_sync(kAll, lane, 3, 8) == lane / 8 * 8 + 3) << 9;
  checks |= (__shfl_sync(kAll, 0.25 * lane, 9) == 2.25) << 10;
  values[threadIdx.x] = checks;
}

TEST(Emulation, WarpCollectivesComputeWhatTheyShould) {
  std::vector<int> values(64);
  run_in_all_orders([&] { BEVEL_LAUNCH(votes_kernel, 1, 64, 0, nullptr, span(values)); },
                    {output("values", values)});
  for (int value : values) EXPECT_EQ(value, (1 << 11) - 1);
}

// ---- Orders
// ----------------------------------------------------------------------------------------------------------------

BEVEL_GLOBAL void atomic_sum_kernel(DeviceSpan<float> sum, DeviceSpan<const float> values) {
  atomicAdd(sum, values[blockIdx.x * blockDim.x + threadIdx.x]);
}

TEST(Emulation, OrderDependentAtomicIsCaught) {
  std::vector<float> values(2 * kThreads), sum(1);
  const auto launch = [&] {
    BEVEL_LAUNCH(atomic_sum_kernel, 2, kThreads, 0, nullptr, DeviceSpan<float>(sum.data(), 1),
                 DeviceSpan<const float>(values.data(), 2 * kThreads));
  };
  for (size_t i = 0; i < values.size(); ++i) values[i] = 1.0f / static_cast<float>(i + 1);
  try {
    run_in_all_orders(launch, {output("sum", sum)});
    ADD_FAILURE() << "a float sum by atomics was taken for independent of the order";
  } catch (const Fault& fault) {
    EXPECT_EQ(fault.kind(), FaultKind::kOrderDependent) << fault.what();
    EXPECT_NE(std::string(fault.what()).find("'sum'"), std::string::npos) << fault.what();
  }
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);  // exact in any order
  sum[0] = 0;
  run_in_all_orders(launch, {output("sum", sum)});
  EXPECT_EQ(sum[0], 2 * kThreads * (2 * kThreads - 1) / 2);
}

/** Hands out places by an atomic counter: which thread gets which depends on the order. */
BEVEL_GLOBAL void places_kernel(DeviceSpan<int> counter, DeviceSpan<int> places) {
  const int place = atomicAdd(counter, 1);
  places[place] = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

TEST(Emulation, PlacesHandedOutByACounterDependOnTheOrder) {
  std::vector<int> counter(1), places(2 * kThreads);
  try {
    run_in_all_orders(
        [&] {
          counter[0] = 0;
          BEVEL_LAUNCH(places_kernel, 2, kThreads, 0, nullptr, span(counter), span(places));
        },
        {output("places", places)});
    ADD_FAILURE() << "places that depend on the order were taken for independent of it";
  } catch (const Fault& fault) {
    EXPECT_EQ(fault.kind(), FaultKind::kOrderDependent) << fault.what();
  }
}

BEVEL_GLOBAL void order_kernel(DeviceSpan<int> counter, DeviceSpan<int> turn) {
  __syncthreads();
  turn[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(counter, 1);
}

std::vector<int> turns(Order order, uint64_t seed) {
  std::vector<int> counter(1), turn(3 * kThreads);
  const bevel::emulation::Settings before = bevel::emulation::settings();
  bevel::emulation::settings().order = order;
  bevel::emulation::settings().seed = seed;
  BEVEL_LAUNCH(order_kernel, 3, kThreads, 0, nullptr, span(counter), span(turn));
  bevel::emulation::settings() = before;
  return turn;
}

TEST(Emulation, OrdersOfThreadsAndBlocksAreWhatTheySay) {
  const std::vector<int> forward = turns(Order::kForward, 1), reverse = turns(Order::kReverse, 1);
  const int last = 3 * kThreads - 1;
  for (int i = 0; i <= last; ++i) {
    EXPECT_EQ(forward[static_cast<size_t>(i)], i);
    EXPECT_EQ(reverse[static_cast<size_t>(i)], last - i);
  }
  EXPECT_EQ(turns(Order::kRandom, 5), turns(Order::kRandom, 5));
  EXPECT_NE(turns(Order::kRandom, 5), turns(Order::kRandom, 6));
  EXPECT_NE(turns(Order::kRandom, 5), forward);
}

// ---- Launches
// ----------------------------------------------------------------------------------------------------------------

BEVEL_GLOBAL void empty_kernel() {}

BEVEL_GLOBAL void indices_kernel(DeviceSpan<int> seen) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  seen[block * blockDim.x * blockDim.y * blockDim.z + thread] += 1;
}

TEST(Emulation, EveryThreadOfEveryBlockRunsOnce) {
  std::vector<int> seen(2 * 3 * 4 * 5 * 6 * 7);
  run_in_all_orders(
      [&] { BEVEL_LAUNCH(indices_kernel, dim3(2, 3, 4), dim3(5, 6, 7), 0, nullptr, span(seen)); },
      {output("seen", seen)});
  for (int value : seen) EXPECT_EQ(value, 1);
}

TEST(Emulation, LaunchesTheDeviceWouldRefuseAreRefused) {
  EXPECT_EQ(BEVEL_LAUNCH(empty_kernel, 1, 1025, 0, nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(BEVEL_LAUNCH(empty_kernel, dim3(1, 65536), 32, 0, nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(BEVEL_LAUNCH(empty_kernel, 0, 32, 0, nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(BEVEL_LAUNCH(empty_kernel, 1, 32, 49153, nullptr), cudaErrorInvalidValue)
      << "48 KB without asking for more";
  EXPECT_EQ(cudaFuncSetAttribute(empty_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 228 << 10),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(empty_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 << 10),
            cudaSuccess);
  EXPECT_EQ(BEVEL_LAUNCH(empty_kernel, 1, 32, 227 << 10, nullptr), cudaSuccess);
}

struct Counted {
  explicit Counted(int* alive) : alive(alive) { ++*alive; }
  ~Counted() { --*alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  int* alive;
};

BEVEL_GLOBAL void unwinding_kernel(int* alive, DeviceSpan<int> values) {
  const Counted counted(alive);
  __syncthreads();
  if (threadIdx.x == 17) values[kThreads] = 0;
  __syncthreads();
}

TEST(Emulation, AFaultUnwindsAllThreadsAndLaunchingGoesOn) {
  std::vector<int> values = counting(kThreads);
  int alive = 0;
  expect_fault(FaultKind::kGlobalOutOfBounds,
               [&] { BEVEL_LAUNCH(unwinding_kernel, 1, kThreads, 0, nullptr, &alive, span(values)); });
  EXPECT_EQ(alive, 0);
  rotate(values, true, true);
  EXPECT_EQ(values[0], 1);
}

template <class T>
__device__ T largest_in_block(T value) {
  BEVEL_SHARED(T, best, 1);
  if (threadIdx.x == 0) best[0] = value;
  __syncthreads();
  if (threadIdx.x == 40) best[0] = max(T(best[0]), value);
  __syncthreads();
  return best[0];
}

BEVEL_GLOBAL void two_instances_kernel(DeviceSpan<float> out) {
  const int whole = largest_in_block(static_cast<int>(threadIdx.x));
  const float real = largest_in_block(0.5f * static_cast<float>(threadIdx.x));
  out[threadIdx.x] = static_cast<float>(whole) + real;
}

TEST(Emulation, InstancesOfATemplateHaveSharedArraysOfTheirOwn) {
  std::vector<float> out(64);
  run_in_all_orders(
      [&] { BEVEL_LAUNCH(two_instances_kernel, 1, 64, 0, nullptr, DeviceSpan<float>(out.data(), 64)); },
      {output("out", out)});
  EXPECT_EQ(out[9], 60.0f);
}

}  // namespace
