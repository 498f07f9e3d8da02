// tests/gpu/exact_on_gpu.h -- runs of the demo model on a GPU that must print the same sequences,
// the digests of their logits included. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/command/run_command.h"

namespace switchyard::tests {

class ExactOnGpu : public ::testing::Test {
 protected:
  // Five ragged prompts of up to 32 characters and four tokens each, or of up to 10 and two.
  enum class Prompts : std::uint8_t { kLong, kShort };

  // Sequences with the digests of their logits.
  Arguments run(const Arguments& extra, Prompts prompts = Prompts::kLong) const {
    const std::size_t growth = prompts == Prompts::kLong ? 7 : 2;
    std::string lines;
    for (std::size_t i = 0; i < 5; ++i) {
      lines += nlohmann::json{{"id", std::to_string(i)},
                              {"prompt", std::string("The rain fell on the road to the old house")
                                             .substr(i * 3, growth / 2 + 1 + i * growth)}}
                   .dump() +
               "\n";
    }
    Arguments arguments{"generate",
                        "--preset",
                        "demo",
                        "--prompts",
                        scratch_.write("p", lines),
                        "--json",
                        "--quiet",
                        "--max-tokens",
                        prompts == Prompts::kLong ? "4" : "2",
                        "--device",
                        "cuda"};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    return arguments;
  }
  void expect_same(const Outcome& outcome, const nlohmann::json& baseline) const {
    SCOPED_TRACE(outcome.command);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto document = outcome.json();
    EXPECT_TRUE(document["report"]["conserved"].get<bool>());
    EXPECT_EQ(document["sequences"], baseline);
  }
  // Of one process, one device; run once for all tests.
  const nlohmann::json& baseline(Prompts prompts = Prompts::kLong) const {
    static std::map<Prompts, nlohmann::json> known;
    if (const auto found = known.find(prompts); found != known.end()) return found->second;
    const auto alone = run_alone(run({}, prompts));
    EXPECT_EQ(alone.exit_code, 0) << alone.err;
    return known[prompts] = alone.json()["sequences"];
  }

  ScratchFolder scratch_;
};

}  // namespace switchyard::tests
