// Dealing of work to threads: every task once, whoever comes.
#include "core/work_shares.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace bevel {
namespace {

TEST(WorkShares, EveryTaskRunsOnceOnAnyNumberOfThreads) {
  for (int64_t tasks : {0, 1, 2, 7, 18, 1000}) {
    for (int threads : {1, 2, 3, 8, 300}) {
      WorkShares shares(tasks, threads, [](int64_t task) { return task % 5; });
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      Crew crew(threads);
      crew.run(
          [&](int thread) { shares.work(thread, [&](int64_t task) { ++runs[static_cast<size_t>(task)]; }); });
      for (auto& each : runs) ASSERT_EQ(each, 1) << tasks << " tasks on " << threads << " threads";
    }
  }
}

TEST(WorkShares, OneThreadOfManyDoesTheWorkOfAll) {
  WorkShares shares(100, 4);
  int64_t runs = 0;
  shares.work(2, [&](int64_t) { ++runs; });
  EXPECT_EQ(runs, 100);
}

TEST(WorkShares, SharesHoldTheSameWeight) {
  // 90 light tasks, then 10 that weigh nine each: the border of two shares lies between them.
  WorkShares shares(100, 2, [](int64_t task) { return task < 90 ? 1 : 9; });
  std::vector<int64_t> order;
  shares.work(1, [&](int64_t task) { order.push_back(task); });
  ASSERT_EQ(order.size(), 100u);
  EXPECT_EQ(order[0], 90) << "its own share first";
  EXPECT_EQ(order[10], 0) << "then the other's";
}

TEST(WorkShares, TheLastTaskIsLeftToAnOwnerAtWork) {
  WorkShares shares(6, 2);
  std::vector<int64_t> helper, owner;
  shares.work(0, [&](int64_t task) {
    owner.push_back(task);
    if (task == 0) shares.work(1, [&](int64_t other) { helper.push_back(other); });
  });
  EXPECT_EQ(helper, (std::vector<int64_t>{3, 4, 5, 1}));
  EXPECT_EQ(owner, (std::vector<int64_t>{0, 2}));
}

TEST(WorkShares, ChunksCoverEveryItemOnce) {
  for (int64_t items : {0, 1, 63, 64, 65, 1000}) {
    ChunkedShares<64> shares(items, 3);
    std::vector<std::atomic<int>> runs(static_cast<size_t>(items));
    Crew crew(3);
    crew.run(
        [&](int thread) { shares.work(thread, [&](int64_t item) { ++runs[static_cast<size_t>(item)]; }); });
    for (auto& each : runs) ASSERT_EQ(each, 1) << items << " items";
  }
}

}  // namespace
}  // namespace bevel

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
