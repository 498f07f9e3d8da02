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

// Rows of one layer, k of each by its sequence.
void route(JobCollector& collector,
           const std::vector<std::pair<std::uint32_t, std::uint32_t>>& ks) {
  std::vector<SequenceId> sequences;
  routing::Selections selections;
  selections.slot_begin = {0};
  for (const auto& [id, k] : ks) {
    sequences.emplace_back(id);
    for (std::uint32_t e = 0; e < k; ++e) selections.experts.push_back(ExpertId(e));
    selections.slot_begin.push_back(static_cast<std::uint32_t>(selections.experts.size()));
    selections.fallbacks.push_back(routing::Fallback::kNone);
  }
  selections.weights.assign(selections.experts.size(), 1.0F);
  collector.on_routed({0, sequences, {}, {}, selections});
}

// Sequence 1 has k 1, 2, 3, 3 in a chunk and two steps, sequence 2 has 3, 1 between: the pairs
// (1,2), (2,3), (3,3) and (3,1). Means 9/4 and 9/4; squares about them 11/4 and 11/4, products
// -1/4.
TEST(JobCollector, NotesKBesideTheSequencesOwnTokenBefore) {
  JobCollector collector({}, routing::RoutingStats({1, 4, 4}), nullptr);
  route(collector, {{1, 1}, {1, 2}, {2, 3}});
  route(collector, {{2, 1}, {1, 3}});
  route(collector, {{1, 3}});
  collector.on_finished(ended(1));
  route(collector, {{1, 4}});  // another one of this number: nothing before it
  EXPECT_NEAR(collector.take().stats.k_autocorrelation(), (-1.0 / 4) / (11.0 / 4), 1e-12);
}

}  // namespace
}  // namespace switchyard::engine
