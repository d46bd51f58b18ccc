// Whether strided memories meet, against a set of all their bytes; and that asking costs next to nothing for
// slices of a larger tensor, however many blocks they have.
#include "strided_blocks.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <random>
#include <vector>

namespace bevel {
namespace {

constexpr uint64_t kSeed = 20260911;

struct Drawn {
  StridedBlocks blocks;
  std::vector<int> bytes;  ///< how often each byte of a small memory is covered
};

constexpr int64_t kBase = 1 << 20, kRoom = 4096;

Drawn draw(std::mt19937_64& random) {
  Drawn drawn;
  drawn.bytes.assign(kRoom, 0);
  const auto below = [&](int64_t limit) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(limit));
  };
  const int64_t element = int64_t{1} << below(4), at = below(64);
  std::vector<StridedBlocks::Dimension> dimensions;
  std::vector<int64_t> starts = {at};
  for (int64_t count = below(5); count > 0; --count) {
    const int64_t extent = 2 + below(4), stride = below(4) ? element * below(30) : element * (1 + below(4));
    dimensions.push_back({extent, stride});
    const std::vector<int64_t> before = starts;
    for (int64_t i = 1; i < extent; ++i) {
      for (const int64_t start : before) starts.push_back(start + i * stride);
    }
  }
  for (const int64_t start : starts) {
    for (int64_t i = 0; i < element; ++i) ++drawn.bytes.at(static_cast<size_t>(start + i));
  }
  EXPECT_TRUE(drawn.blocks.spread(kBase + static_cast<uintptr_t>(at), element, dimensions.data(),
                                  static_cast<int>(dimensions.size())));
  return drawn;
}

Sharing sharing(bool some) { return some ? Sharing::kSome : Sharing::kNone; }

TEST(StridedBlocks, AgreeWithASetOfBytes) {
  std::mt19937_64 random(kSeed);
  int meetings = 0, shared = 0;
  for (int i = 0; i < 4000; ++i) {
    const Drawn a = draw(random), b = draw(random);
    bool meet = false, shares = false;
    std::vector<int> covered(kRoom, 0);
    for (size_t k = 0; k < a.bytes.size(); ++k) {
      meet = meet || (a.bytes[k] && b.bytes[k]);
      shares = shares || a.bytes[k] > 1;
    }
    a.blocks.for_each_block([&](uintptr_t block) {
      for (int64_t k = 0; k < a.blocks.block; ++k) covered.at(block - kBase + static_cast<size_t>(k)) = 1;
    });
    for (size_t k = 0; k < covered.size(); ++k) ASSERT_EQ(a.bytes[k] > 0, covered[k] > 0) << "set " << i;
    ASSERT_EQ(sharing(meet), StridedBlocks::between(a.blocks, b.blocks)) << "set " << i;
    ASSERT_EQ(sharing(meet), StridedBlocks::between(b.blocks, a.blocks)) << "set " << i;
    ASSERT_EQ(sharing(shares), a.blocks.with_itself()) << "set " << i;
    meetings += meet;
    shared += shares;
  }
  EXPECT_GT(meetings, 400);
  EXPECT_GT(shared, 400);
}

/// Temporal self-attention's gradients of offsets and logits as views of one [B, Q, M, N, L, P, 3]: 2²⁴
/// blocks each, which a list of them would take a second and more to sort.
TEST(StridedBlocks, SlicesOfAWiderTensorCostNothing) {
  constexpr int64_t queries = 1 << 18, heads = 8, maps = 8, samples = 12;
  const StridedBlocks::Dimension offsets[] = {{maps, samples * 3 * 4},
                                              {queries, heads * maps * samples * 3 * 4},
                                              {heads, maps * samples * 3 * 4},
                                              {2 * samples, 4}};
  const StridedBlocks::Dimension logits[] = {{maps, samples * 3 * 4},
                                             {queries, heads * maps * samples * 3 * 4},
                                             {heads, maps * samples * 3 * 4},
                                             {samples, 4}};
  StridedBlocks a, b, c;
  ASSERT_TRUE(a.spread(kBase, 4, offsets, 4));
  ASSERT_TRUE(b.spread(kBase + 2 * samples * 4, 4, logits, 4));
  ASSERT_TRUE(c.spread(kBase + 2 * samples * 4 - 4, 4, logits, 4));
  EXPECT_EQ(queries * heads * maps, a.blocks);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(Sharing::kNone, a.with_itself());
    ASSERT_EQ(Sharing::kNone, StridedBlocks::between(a, b));
    ASSERT_EQ(Sharing::kSome, StridedBlocks::between(a, c));
  }
  // A thousand times in less than it would take to walk over the blocks of one.
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 1.0);
}

/// Four free strides each, near each other: 48⁴ elements whose parts nearly all reach into each other, though
/// the ones lie in the even and the others in the odd pairs of floats.
TEST(StridedBlocks, TheSearchEndsHoweverStridesInterleave) {
  constexpr int64_t e = 48, k = 4 * e * e * e;
  const StridedBlocks::Dimension one[] = {
      {e, 16 * (k + e * e)}, {e, 16 * (k + e)}, {e, 16 * (k + 1)}, {e, 16 * k}};
  const StridedBlocks::Dimension other[] = {
      {e, 16 * (k + 3 * e * e + 7)}, {e, 16 * (k + 3 * e + 5)}, {e, 16 * (k + 6)}, {e, 16 * (k + 2)}};
  StridedBlocks a, b;
  ASSERT_TRUE(a.spread(kBase, 4, one, 4));
  ASSERT_TRUE(b.spread(kBase + 8, 4, other, 4));
  const auto start = std::chrono::steady_clock::now();
  a.with_itself();
  b.with_itself();
  EXPECT_EQ(Sharing::kUnknown, StridedBlocks::between(a, b));
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 2.0);
}

TEST(StridedBlocks, RefusesWhatPassesTheEndOfMemory) {
  const StridedBlocks::Dimension far[] = {{3, INT64_MAX / 2}}, none[] = {{2, 8}};
  StridedBlocks a, b;
  EXPECT_FALSE(a.spread(kBase, 4, far, 1));
  EXPECT_FALSE(b.spread(UINTPTR_MAX - 8, 4, none, 1));
}

}  // namespace
}  // namespace bevel

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::kSeed));
  return RUN_ALL_TESTS();
}
