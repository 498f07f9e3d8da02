#include "runtime/engine/scheduler.h"

#include <gtest/gtest.h>

namespace switchyard::engine {
namespace {

SequenceRequest make_request(std::uint32_t id, std::size_t prompt, std::uint32_t max_tokens) {
  SequenceRequest request;
  request.id = SequenceId(id);
  request.tokens.assign(prompt, 1);
  request.max_tokens = max_tokens;
  return request;
}

const SchedulerLimits kLimits{
    .sequences_max = 2, .chunk_tokens = 50, .step_tokens_max = 60, .context = 256, .vocab = 2};

TEST(Scheduler, CutsPromptsIntoChunksAndKeepsToTheStepLimit) {
  Scheduler scheduler(kLimits, 8);
  ASSERT_TRUE(scheduler.add(make_request(0, 120, 1)).has_value());
  ASSERT_TRUE(scheduler.add(make_request(1, 30, 1)).has_value());
  const auto& step = scheduler.next_step();
  ASSERT_EQ(step.size(), 2U);
  EXPECT_EQ(step[0].count, 50U);
  EXPECT_EQ(step[1].count, 10U);
}

TEST(Scheduler, DecodingSequencesComeFirst) {
  Scheduler scheduler(kLimits, 8);
  ASSERT_TRUE(scheduler.add(make_request(0, 120, 1)).has_value());
  ASSERT_TRUE(scheduler.add(make_request(1, 4, 4)).has_value());
  for (const auto& part : scheduler.next_step()) part.sequence->cached += part.count;
  const auto& step = scheduler.next_step();
  ASSERT_EQ(step.size(), 2U);
  EXPECT_EQ(step[0].sequence->request.id, SequenceId(1));
  EXPECT_EQ(step[0].count, 1U);
  EXPECT_EQ(step[1].begin, 50U);
}

TEST(Scheduler, WaitsForPagesAndSeats) {
  Scheduler scheduler(kLimits, 3);
  for (std::uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(scheduler.add(make_request(i, 100, 28)).has_value());  // two pages each
  }
  const auto& step = scheduler.next_step();
  ASSERT_EQ(step.size(), 1U);
  EXPECT_EQ(scheduler.waiting_count(), 2U);
  scheduler.remove(step[0].sequence);
  ASSERT_EQ(scheduler.next_step().size(), 1U);
  EXPECT_EQ(scheduler.next_step()[0].sequence->request.id, SequenceId(1));
}

// A sequence takes memory for the tokens that it can get, whatever it was promised.
TEST(Scheduler, TokensTakeNoMoreMemoryThanTheContextHolds) {
  Scheduler scheduler(kLimits, 8);
  ASSERT_TRUE(scheduler.add(make_request(0, 200, 16'777'216)).has_value());
  ASSERT_TRUE(scheduler.add(make_request(1, 200, 5)).has_value());
  const auto& step = scheduler.next_step();
  ASSERT_EQ(step.size(), 2U);
  // One for each position that is left, and one more behind the last.
  EXPECT_EQ(step[0].sequence->result.tokens.capacity(), 57U);
  EXPECT_EQ(step[1].sequence->result.tokens.capacity(), 5U);
}

TEST(Scheduler, RefusesWhatCanNeverRun) {
  Scheduler scheduler(kLimits, 3);
  EXPECT_EQ(scheduler.add(make_request(0, 0, 1)).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(scheduler.add(make_request(0, 257, 1)).error().code, ErrorCode::kLimit);
  EXPECT_EQ(scheduler.add(make_request(0, 200, 1)).error().code, ErrorCode::kLimit);  // four pages
}

// One bad request is its sender's affair, not the end of the rank.
TEST(Scheduler, RefusesIdsOutsideTheVocabulary) {
  Scheduler scheduler(kLimits, 8);
  auto prompt = make_request(0, 3, 1);
  prompt.tokens[2] = 2;
  EXPECT_EQ(scheduler.add(std::move(prompt)).error().code, ErrorCode::kBadInput);
  auto target = make_request(0, 3, 0);
  target.targets = {1, 0, 7};
  EXPECT_EQ(scheduler.add(std::move(target)).error().code, ErrorCode::kBadInput);
  auto resumed = make_request(0, 3, 4);
  resumed.resumed = {0, 2};
  EXPECT_EQ(scheduler.add(std::move(resumed)).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(scheduler.waiting_count(), 0U);
}

TEST(Scheduler, DrainGivesBackEverythingInOrder) {
  Scheduler scheduler(kLimits, 8);
  for (std::uint32_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(scheduler.add(make_request(i, 10, 1)).has_value());
  }
  static_cast<void>(scheduler.next_step());
  const auto drained = scheduler.drain();
  ASSERT_EQ(drained.size(), 4U);
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(drained[i]->result.id, SequenceId(i));
  EXPECT_TRUE(scheduler.next_step().empty());
}

}  // namespace
}  // namespace switchyard::engine
