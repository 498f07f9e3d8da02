// Nothing allocates on the hot path: not a step, not an exchange, not the loop around them.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "comm/worlds.h"
#include "launcher/progress_line.h"
#include "tests/unit/allocations/counted_new.h"
#include "tests/unit/allocations/decode_run.h"

namespace switchyard::tests {
namespace {

// What the lead saw of a run whose ranks are threads: the allocations of all ranks.
DecodeCounts run_threads(const DecodeRun& run, std::size_t ranks) {
  const auto transports = comm::make_local_world(ranks, {});
  std::vector<DecodeCounts> counts(ranks);
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks; ++r) {
    threads.emplace_back([&, r] {
      const auto own = run_rank(run, *transports[r]);
      ASSERT_TRUE(own.has_value()) << own.error().message;
      counts[r] = *own;
    });
  }
  for (auto& thread : threads) thread.join();
  return counts[0];
}

// Routers other than the lead say five times a second how far they are, which allocates: a run that
// was shorter than that had none.
void expect_none(DecodeRun run, std::size_t ranks) {
  constexpr int kTries = 20;
  DecodeCounts counts;
  for (int i = 0; i < (run.routers == 1 ? 1 : kTries); ++i) {
    counts = run_threads(run, ranks);
    if (counts.allocations == 0) break;
  }
  EXPECT_GT(counts.steps, 40U);
  EXPECT_EQ(counts.allocations, 0U) << "over " << counts.steps << " steps";
  if (counts.allocations == 0) return;
  run.show = 4;
  (void)run_threads(run, ranks);
}

TEST(Allocations, TheCounterCounts) {
  const auto before = allocations();
  for (std::size_t i = 0; i < 5; ++i) std::make_unique<std::vector<int>>(i + 1).reset();
  EXPECT_EQ(allocations() - before, 10U);
}

TEST(Allocations, NoneInADecodeStepOfOneRank) { expect_none({}, 1); }

TEST(Allocations, NoneOnRouterAndExpertRanks) { expect_none({}, 3); }

TEST(Allocations, NoneWhereRoutersHoldExperts) {
  expect_none({.routers = 2, .colocation = engine::Colocation::kTogether}, 2);
}

TEST(Allocations, NoneUnderEveryKindOfRouting) {
  for (const char* routing : {"top-p:theta=0.6,k_min=1,k_max=4", "relative:t=0.3,k_min=1",
                              "grouped:groups=2,topk_group=1,k=2", "random:mean_k=2"}) {
    SCOPED_TRACE(routing);
    expect_none({.routing = routing}, 2);
  }
}

TEST(Allocations, NoneInSampling) { expect_none({.temperature = 0.8F}, 1); }

// Offered with every step, shown now and then.
TEST(Allocations, NoneForProgressThatIsNotShown) {
  const ManualClock clock;
  launcher::ProgressLine line(launcher::ProgressLine::Show::kYes, clock);
  const std::string_view what = "sequences with a name too long for a short string";
  line.update("{} of {} {}", 1, 3, what);
  const auto before = allocations();
  for (int step = 0; step < 100; ++step) line.update("{} of {} {}", step, 3, what);
  EXPECT_EQ(allocations() - before, 0U);
}

}  // namespace
}  // namespace switchyard::tests
