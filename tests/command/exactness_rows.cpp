#include "tests/command/exactness_rows.h"

#include <algorithm>

#include "kernels/device.h"

namespace switchyard::tests {
namespace {

// Ids spread over the vocabulary, others in every prompt.
std::vector<std::size_t> some_tokens(std::size_t count, std::size_t vocab) {
  std::vector<std::size_t> ids(count);
  for (std::size_t i = 0; i < count; ++i) ids[i] = (i * i + 7 * i + count) % vocab;
  return ids;
}

}  // namespace

std::string exactness_prompts(const ScratchFolder& scratch, const PromptSizes& sizes) {
  const std::string text =
      "The master of the house looked at the door for a long time before he spoke, and when he "
      "did it was with the slow voice of a man who has thought of everything that could be said "
      "and has found none of it worth the saying. She had not come. The rain fell on the road.";
  std::string lines;
  const auto add = [&lines](nlohmann::json prompt) {
    prompt["id"] = "p" + std::to_string(std::ranges::count(lines, '\n'));
    lines += prompt.dump() + "\n";
  };
  for (const std::size_t length : sizes.tokens) {
    add({{"tokens", some_tokens(length, sizes.vocab)}});
  }
  for (std::size_t i = 0; i < kExactnessPrompts - sizes.tokens.size(); ++i) {
    add({{"prompt", text.substr((i * 11) % 60, 5 + (i * 37) % 200)}});
  }
  return scratch.write("prompts.jsonl", lines);
}

Arguments exactness_run(const std::string& prompts, const Arguments& extra) {
  Arguments arguments{"generate", "--preset",     "demo", "--prompts", prompts,
                      "--json",   "--max-tokens", "12",   "--quiet"};
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  return arguments;
}

void expect_prompts_cross_pages(const nlohmann::json& sequences) {
  ASSERT_EQ(sequences.size(), kExactnessPrompts);
  std::size_t longest = 0;
  bool crossed_while_decoding = false;
  for (const auto& sequence : sequences) {
    const auto prompt = sequence["prompt_tokens"].get<std::size_t>();
    const auto fed = prompt + sequence["tokens"].size() - 1;
    longest = std::max(longest, prompt);
    crossed_while_decoding |= prompt <= kernels::kKvPageTokens && fed > kernels::kKvPageTokens;
  }
  EXPECT_GT(longest, 3 * kernels::kKvPageTokens);
  EXPECT_TRUE(crossed_while_decoding);
}

void expect_same_sequences(const Outcome& outcome, const nlohmann::json& baseline) {
  SCOPED_TRACE(outcome.command);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto document = outcome.json();
  ASSERT_TRUE(document.is_object()) << outcome.out.substr(0, 400);
  const auto& report = document["report"];
  EXPECT_TRUE(report["conserved"].get<bool>());
  EXPECT_GT(report["pairs_dispatched"].get<std::uint64_t>(), 0U);
  EXPECT_EQ(report["pairs_dispatched"], report["pairs_served"]);
  EXPECT_EQ(report["pairs_served"], report["pairs_answered"]);
  ASSERT_EQ(document["sequences"].size(), baseline.size());
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    EXPECT_EQ(document["sequences"][i], baseline[i]) << "sequence " << i;
  }
}

}  // namespace switchyard::tests
