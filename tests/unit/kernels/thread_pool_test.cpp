#include "kernels/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace switchyard::kernels {
namespace {

TEST(ThreadPool, RunsEveryItemOnceWithAnyThreads) {
  for (const std::size_t threads : {1U, 2U, 3U, 8U}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (const std::size_t count : {0U, 1U, 2U, 7U, 64U, 1000U}) {
      std::vector<std::atomic<int>> runs(count);
      pool.parallel_for(count, [&](const LoopItem& item) {
        runs[item.index].fetch_add(1);
        EXPECT_LT(item.participant, threads);
        EXPECT_TRUE(item.next == kNoItem || item.next == item.index + 1);
      });
      for (const auto& run : runs) ASSERT_EQ(run.load(), 1) << count << " on " << threads;
    }
  }
}

TEST(ThreadPool, MakesPlainWritesVisibleToTheCaller) {
  ThreadPool pool(4);
  std::vector<std::size_t> values(97);
  for (std::size_t round = 1; round <= 2000; ++round) {
    pool.parallel_for(values.size(),
                      [&](const LoopItem& item) { values[item.index] += item.index + round; });
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(values[i], 2000 * i + 2000 * 2001 / 2) << i;
  }
}

TEST(ThreadPool, TellsParticipantsApart) {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> busy(3);
  pool.parallel_for(300, [&](const LoopItem& item) {
    EXPECT_EQ(busy[item.participant].fetch_add(1), 0);
    busy[item.participant].fetch_sub(1);
  });
}

TEST(ThreadPool, CallerFinishesTheItemsOfWorkersThatNeverCome) {
  // Many more threads than cores: the loop must not wait for each of them to be scheduled.
  ThreadPool pool(64);
  std::atomic<int> runs{0};
  for (int round = 0; round < 50; ++round) {
    pool.parallel_for(3, [&](const LoopItem&) { runs.fetch_add(1); });
  }
  EXPECT_EQ(runs.load(), 150);
}

TEST(ThreadPool, StopsWithoutEverHavingRun) { const ThreadPool pool(5); }

TEST(ThreadPool, RunInlineStaysOnTheCaller) {
  std::vector<std::size_t> order;
  ThreadPool::run_inline(4, [&](const LoopItem& item) {
    EXPECT_EQ(item.participant, 0U);
    order.push_back(item.index);
  });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace switchyard::kernels
