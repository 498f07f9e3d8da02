// Greedy text is the same whether the host sees the logits (a digest is wanted) or only the tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

TEST(GreedyText, IsTheSameWithAndWithoutLogitsOnTheHost) {
  const std::string prompt = "The rain fell on the old road";
  for (const Arguments& extra :
       {Arguments{}, Arguments{"--precision", "fp32"}, Arguments{"--ranks", "3"},
        Arguments{"--chunk", "5", "--routing", "top-p:theta=0.6,k_min=1,k_max=4"}}) {
    Arguments arguments{"generate", "--preset", "demo",         "--prompt",
                        prompt,     "--quiet",  "--max-tokens", "24"};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    const auto tokens_only = run_alone(arguments);
    ASSERT_EQ(tokens_only.exit_code, 0) << tokens_only.err;
    arguments.emplace_back("--json");
    const auto with_logits = run_alone(arguments);
    ASSERT_EQ(with_logits.exit_code, 0) << with_logits.err;
    const auto sequence = with_logits.json()["sequences"][0];
    EXPECT_NE(sequence["logits_digest"].get<std::string>(), std::string(32, '0'));
    ASSERT_EQ(sequence["tokens"].size(), 24U);
    EXPECT_THAT(tokens_only.out,
                ::testing::StartsWith(prompt + sequence["text"].get<std::string>() + "\n"))
        << tokens_only.command;
  }
}

}  // namespace
}  // namespace switchyard::tests
