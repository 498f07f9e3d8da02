// What a collector keeps: everything for a job, nothing of ended sequences for a router that
// serves.
#include "runtime/engine/job_collector.h"

#include <gtest/gtest.h>

namespace switchyard::engine {
namespace {

struct Listener final : Observer {
  void on_finished(SequenceResult result) override { results.push_back(std::move(result)); }
  std::vector<SequenceResult> results;
};

SequenceResult ended(std::uint32_t id) {
  SequenceResult result;
  result.id = SequenceId(id);
  result.tokens = {id, id + 1};
  return result;
}

void score(JobCollector& collector, std::uint32_t id) {
  SequenceRequest request;
  request.id = SequenceId(id);
  request.targets = {0};
  collector.on_logits(request, 0, std::vector<float>{0, 0});
}

TEST(JobCollector, AJobGetsEveryResult) {
  Listener listener;
  JobCollector collector({}, {}, &listener);
  score(collector, 7);
  collector.on_finished(ended(9));
  collector.on_finished(ended(7));
  EXPECT_EQ(collector.finished_count(), 2U);
  EXPECT_EQ(listener.results.size(), 2U);
  const auto result = collector.take();
  ASSERT_EQ(result.sequences.size(), 2U);
  EXPECT_EQ(result.sequences[0].id, SequenceId(7));
  EXPECT_NEAR(result.sequences[0].nll, 0.6931, 1e-4);
  EXPECT_EQ(result.sequences[1].tokens, (std::vector<std::uint32_t>{9, 10}));
}

TEST(JobCollector, ARouterThatServesKeepsNothingOfWhatHasEnded) {
  Listener listener;
  JobKeeps keeps;
  keeps.sequences = false;
  JobCollector collector(keeps, {}, &listener);
  for (std::uint32_t id = 0; id < 1000; ++id) {
    score(collector, id);
    collector.on_finished(ended(id));
  }
  EXPECT_EQ(collector.finished_count(), 1000U);
  ASSERT_EQ(listener.results.size(), 1000U);
  EXPECT_EQ(listener.results[5].tokens, (std::vector<std::uint32_t>{5, 6}));
  EXPECT_NEAR(listener.results[5].nll, 0.6931, 1e-4);
  EXPECT_TRUE(collector.take().sequences.empty());
}

}  // namespace
}  // namespace switchyard::engine
