// The emulation must catch what it promises to catch, here in memory and at barriers. Every faulty kernel
// stands beside a correct twin, which must pass in every order with the right result.
#include "emulation_faults.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace {

using namespace emulation_test;

// ---- Barriers and races

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

/** Threads 0 and `writer` read a word, then `writer` writes it. */
BEVEL_GLOBAL void read_then_write_kernel(DeviceSpan<int> values, unsigned writer, bool barrier) {
  BEVEL_SHARED(int, word, 1);
  if (threadIdx.x == 5) word[0] = 1;
  __syncthreads();
  if (threadIdx.x == 0 || threadIdx.x == writer) values[threadIdx.x] = word[0];
  if (barrier) __syncthreads();
  if (threadIdx.x == writer) word[0] = 2;
}

TEST(Emulation, AReaderIsRememberedWhenTheWriterReadToo) {
  std::vector<int> values = counting(kThreads);
  for (unsigned writer : {1u, 32u}) {
    const auto launch = [&](bool barrier) {
      return [&values, writer, barrier] {
        BEVEL_LAUNCH(read_then_write_kernel, 1, kThreads, 0, nullptr, span(values), writer, barrier);
      };
    };
    expect_fault(FaultKind::kSharedRace, launch(false));
    run_in_all_orders(launch(true), {output("values", values)});
  }
}

/** Blocks 0 and 1 read a word of device memory, then block 1 writes it. */
BEVEL_GLOBAL void blocks_read_then_write_kernel(DeviceSpan<int> word, DeviceSpan<int> seen) {
  if (threadIdx.x != 0) return;
  seen[blockIdx.x] = word[0];
  if (blockIdx.x == 1) word[0] = 2;
}

TEST(Emulation, AReaderOfAnotherBlockIsRememberedWhenTheWriterReadToo) {
  std::vector<int> word(1), seen(2);
  expect_fault(FaultKind::kGlobalRace, [&] {
    BEVEL_LAUNCH(blocks_read_then_write_kernel, 2, 32, 0, nullptr, span(word), span(seen));
  });
}

/** Threads of `first_warp` and after count by atomics; thread 33 reads what warp 1 is done with. */
BEVEL_GLOBAL void count_then_read_kernel(DeviceSpan<int> values, unsigned first_warp) {
  BEVEL_SHARED(int, count, 1);
  if (threadIdx.x == 0) count[0] = 0;
  __syncthreads();
  if (threadIdx.x / 32 >= first_warp && threadIdx.x % 32 == 0) atomicAdd(&count[0], 1);
  __syncwarp();
  if (threadIdx.x == 33) values[0] = count[0];
}

TEST(Emulation, AtomicsOfAnotherWarpAreRememberedAfterOnesOwn) {
  std::vector<int> values(1);
  const auto launch = [&](unsigned first_warp) {
    return [&values, first_warp] {
      BEVEL_LAUNCH(count_then_read_kernel, 1, 64, 0, nullptr, span(values), first_warp);
    };
  };
  run_in_all_orders(launch(1), {output("values", values)});
  EXPECT_EQ(values[0], 1);
  expect_fault(FaultKind::kSharedRace, launch(0));
}

/** All lanes read a word, and after a __syncwarp lane 1 reads it once more; then lane 2 writes it. */
BEVEL_GLOBAL void read_again_kernel(DeviceSpan<int> values, bool second_sync) {
  BEVEL_SHARED(int, word, 1);
  if (threadIdx.x == 0) word[0] = 1;
  __syncthreads();
  values[threadIdx.x] = word[0];
  __syncwarp();
  if (threadIdx.x == 1) values[1] += word[0];
  if (second_sync) __syncwarp();
  if (threadIdx.x == 2) word[0] = 3;
}

TEST(Emulation, ALaterReadOfOneLaneIsNotTakenForItsEarlierOne) {
  std::vector<int> values(32);
  const auto launch = [&](bool second_sync) {
    return [&values, second_sync] {
      BEVEL_LAUNCH(read_again_kernel, 1, 32, 0, nullptr, span(values), second_sync);
    };
  };
  run_in_all_orders(launch(true), {output("values", values)});
  expect_fault(FaultKind::kSharedRace, launch(false));
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
  const bevel::DeviceVector<float, 4> four = bevel::load_vector_readonly<4>(from + 4 * threadIdx.x + offset);
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

/** Only one block writes the shared word that all blocks read; each has one of its own. */
BEVEL_GLOBAL void one_block_writes_kernel(DeviceSpan<int> values, unsigned writer) {
  BEVEL_SHARED(int, word, 1);
  if (blockIdx.x == writer && threadIdx.x == 0) word[0] = 1;
  __syncthreads();
  if (threadIdx.x == 1) values[blockIdx.x] = word[0];
}

TEST(Emulation, ABlockDoesNotSeeTheSharedMemoryOfTheOneBefore) {
  std::vector<int> values(3);
  for (unsigned writer : {0u, 2u}) {
    expect_fault(FaultKind::kUninitializedShared,
                 [&] { BEVEL_LAUNCH(one_block_writes_kernel, 3, 32, 0, nullptr, span(values), writer); });
  }
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

BEVEL_GLOBAL void operators_kernel(DeviceSpan<int> values, DeviceSpan<const int4> vectors) {
  if (threadIdx.x != 0) return;
  const int old = values[0]++;
  const int increased = ++values[1];
  values[2] = values[3] = old + increased;
  values[4] += 5;
  values[5] -= 5;
  values[6] *= 5;
  values[7] |= 8;
  values[8] &= 9;
  values[9] ^= 3;
  const DeviceSpan<int> end = values + 12;
  DeviceSpan<int> walking = values + 9;
  ++walking;
  walking[0] = static_cast<int>(end - walking);
  const int4 vector = vectors[1];
  *(walking + 1) = vector.y;
}

TEST(Emulation, ElementsAndPointersBehaveAsPlainOnes) {
  std::vector<int> values = counting(12);
  alignas(16) const std::array<int4, 2> vectors{make_int4(0, 1, 2, 3), make_int4(4, 5, 6, 7)};
  run_in_all_orders(
      [&] {
        BEVEL_LAUNCH(operators_kernel, 1, 32, 0, nullptr, span(values),
                     DeviceSpan<const int4>(vectors.data(), 2));
      },
      {output("values", values)});
  EXPECT_EQ(values, (std::vector<int>{1, 2, 2, 2, 9, 0, 30, 15, 8, 10, 2, 5}));
}

TEST(Emulation, CopiesAndFillsInitialize) {
  std::vector<int> to(kThreads);
  const std::vector<int> from = counting(kThreads);
  DeviceBuffer<int> buffer(kThreads), second(kThreads);
  EXPECT_EQ(cudaMemcpyAsync(buffer.data(), from.data(), buffer.bytes(), cudaMemcpyHostToDevice), cudaSuccess);
  run_in_all_orders(
      [&] {
        BEVEL_LAUNCH(copy_kernel, 1, kThreads, 0, nullptr, DeviceSpan<const int>(buffer.data(), kThreads),
                     DeviceSpan<int>(second.data(), kThreads));
        BEVEL_LAUNCH(copy_kernel, 1, kThreads, 0, nullptr, DeviceSpan<const int>(second.data(), kThreads),
                     span(to));
      },
      {output("to", to)});
  EXPECT_EQ(to, from);
}

}  // namespace
