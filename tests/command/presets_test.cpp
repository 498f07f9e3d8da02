// The presets of random weights: a forward pass each, with what its README line promises.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

nlohmann::json scored(const std::string& preset) {
  const auto outcome = run_alone(
      {"eval", "--preset", preset, "--random-tokens", "64", "--json", "--quiet", "--kv-mib", "16"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto document = outcome.json();
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
  return document;
}

// Every decision took least..most experts, and not all the same number.
void expect_k_within(const nlohmann::json& document, int least, int most) {
  const auto& histogram = document["k_histogram"];
  EXPECT_GT(histogram.size(), 1U) << histogram;
  std::uint64_t decisions = 0;
  double slots = 0;
  for (const auto& [k, count] : histogram.items()) {
    EXPECT_GE(std::stoi(k), least);
    EXPECT_LE(std::stoi(k), most);
    decisions += count.get<std::uint64_t>();
    slots += std::stoi(k) * count.get<double>();
  }
  const auto& report = document["report"];
  EXPECT_EQ(decisions, report["prompt_tokens"].get<std::uint64_t>() * report["layers"].size());
  EXPECT_DOUBLE_EQ(document["mean_experts"].get<double>(), slots / static_cast<double>(decisions));
  EXPECT_EQ(report["pairs_dispatched"].get<double>(), slots);
}

// Random weights know nothing: about ln(vocabulary) nats a token.
void expect_ignorance(const nlohmann::json& document) {
  constexpr double kVocab = 32000;
  const double nats = document["nll"].get<double>();
  EXPECT_NEAR(nats, std::log(kVocab), 2.0);
  EXPECT_NEAR(document["perplexity"].get<double>(), std::exp(nats), 1e-6 * std::exp(nats));
}

TEST(Presets, TrainingReportsItsLossesWithinTwoToEightExperts) {
  const auto document = scored("training");
  expect_k_within(document, 2, 8);
  expect_ignorance(document);
  const auto& report = document["report"];
  ASSERT_EQ(report["layers"].size(), 4U);
  for (const auto& layer : report["layers"]) {
    SCOPED_TRACE(layer.dump());
    // Sixteen experts: 1 where even, 16 where all goes to one.
    EXPECT_GT(layer["balance_loss"], 0.5);
    EXPECT_LT(layer["balance_loss"], 16.0);
    // (ln sum exp z)^2 of 16 logits around 0.
    EXPECT_GT(layer["z_loss"], 0.1);
    EXPECT_LT(layer["z_loss"], 100.0);
    EXPECT_GT(layer["routing_entropy"], 0.0);
    EXPECT_LT(layer["routing_entropy"], 1.0);
  }
  EXPECT_GT(report["load"]["experts"]["imbalance"], 1.0);
}

TEST(Presets, InferenceTakesOneToThreeExperts) {
  const auto document = scored("inference");
  expect_k_within(document, 1, 3);
  expect_ignorance(document);
  EXPECT_EQ(document["report"]["layers"].size(), 6U);
}

// Its model is the shipped one: 1 to 6 of 16 experts.
TEST(Presets, DemoContinuesAPrompt) {
  const auto outcome = run_alone({"generate", "--preset", "demo", "--prompt", "Once upon a time",
                                  "--max-tokens", "16", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto document = outcome.json();
  EXPECT_FALSE(document["sequences"][0]["text"].get<std::string>().empty());
  for (const auto& [k, count] : document["report"]["k_histogram"].items()) {
    EXPECT_GE(std::stoi(k), 1);
    EXPECT_LE(std::stoi(k), 6);
  }
}

}  // namespace
}  // namespace switchyard::tests
