#include "launcher/bench/bench_requests.h"

#include <gtest/gtest.h>

#include <set>

namespace switchyard::launcher {
namespace {

std::set<std::vector<std::uint32_t>> prompts_of(BatchTokens tokens) {
  std::set<std::vector<std::uint32_t>> prompts;
  std::set<SequenceId> ids;
  for (const auto& request : bench_requests({16, 32, 7, 2000, 1, tokens})) {
    EXPECT_EQ(request.tokens.size(), 32U);
    EXPECT_EQ(request.max_tokens, 7U);
    prompts.insert(request.tokens);
    ids.insert(request.id);
  }
  EXPECT_EQ(ids.size(), 16U);
  return prompts;
}

TEST(BenchRequests, AreDifferentOrEqualAsAskedFor) {
  const auto different = prompts_of(BatchTokens::kDifferent);
  EXPECT_EQ(different.size(), 16U);
  const auto equal = prompts_of(BatchTokens::kEqual);
  ASSERT_EQ(equal.size(), 1U);
  EXPECT_TRUE(different.contains(*equal.begin())) << "the first sequence's";
  EXPECT_GT(std::set(equal.begin()->begin(), equal.begin()->end()).size(), 20U);
}

}  // namespace
}  // namespace switchyard::launcher
