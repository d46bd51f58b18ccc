// The emulation's warps, orders and launches; faulty kernels beside correct twins, as in emulation_test.cpp.
#include "emulation_faults.hpp"

namespace {

using namespace emulation_test;

// ---- Warps

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
  std::vector<int> seen(kThreads);
  BEVEL_LAUNCH(indices_kernel, 1, kThreads, 0, nullptr, span(seen));
  EXPECT_EQ(seen, std::vector<int>(kThreads, 1));
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
