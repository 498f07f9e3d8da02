#include "tests/command/exactness_rows.h"

namespace switchyard::tests {

std::string exactness_prompts(const ScratchFolder& scratch) {
  const std::string text =
      "The master of the house looked at the door for a long time before he spoke, and when he "
      "did it was with the slow voice of a man who has thought of everything that could be said "
      "and has found none of it worth the saying. She had not come. The rain fell on the road.";
  std::string lines;
  for (std::size_t i = 0; i < 16; ++i) {
    const std::size_t length = 5 + (i * 37) % 200;
    lines += nlohmann::json{{"id", "p" + std::to_string(i)},
                            {"prompt", text.substr((i * 11) % 60, length)}}
                 .dump() +
             "\n";
  }
  return scratch.write("prompts.jsonl", lines);
}

Arguments exactness_run(const std::string& prompts, const Arguments& extra) {
  Arguments arguments{"generate", "--preset",     "demo", "--prompts", prompts,
                      "--json",   "--max-tokens", "12",   "--quiet"};
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  return arguments;
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
