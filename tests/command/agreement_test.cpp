// The engine against the independent NumPy program: greedy text, logits and perplexity.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

struct Model {
  const char* name;
  const char* path;
};

class Agreement : public ::testing::TestWithParam<Model> {
 protected:
  nlohmann::json golden_ = nlohmann::json::parse(
      read_file(source_path(std::string("tests/golden/") + GetParam().name + "/prompts.json")));
  ScratchFolder scratch_;

  std::string write_prompts() const {
    std::string lines;
    for (std::size_t i = 0; i < golden_["prompts"].size(); ++i) {
      lines += nlohmann::json{{"id", std::to_string(i)}, {"tokens", golden_["prompts"][i]["ids"]}}
                   .dump() +
               "\n";
    }
    return scratch_.write("prompts.jsonl", lines);
  }
};

// A last-position logit vector of a golden file: a header of 8 bytes and JSON, then fp32 values.
std::vector<float> golden_tensor(const std::string& path, const std::string& name) {
  const auto file = read_file(path);
  std::uint64_t header_bytes = 0;
  std::copy_n(file.data(), sizeof header_bytes, reinterpret_cast<char*>(&header_bytes));
  const auto header = nlohmann::json::parse(file.substr(8, header_bytes));
  const auto begin = header[name]["data_offsets"][0].get<std::size_t>();
  const auto end = header[name]["data_offsets"][1].get<std::size_t>();
  std::vector<float> values((end - begin) / sizeof(float));
  std::copy_n(file.data() + 8 + header_bytes + begin, end - begin,
              reinterpret_cast<char*>(values.data()));
  return values;
}

TEST_P(Agreement, GreedyTextIsEqualInFp32) {
  const auto prompts = write_prompts();
  const auto length = golden_["prompts"][0]["greedy"].begin().value()["ids"].size();
  for (const auto& [rule, spec] : golden_["rules"].items()) {
    const auto outcome =
        run_alone({"generate", "--model", source_path(GetParam().path), "--prompts", prompts,
                   "--json", "--quiet", "--precision", "fp32", "--ignore-eos", "--routing",
                   spec.get<std::string>(), "--max-tokens", std::to_string(length)});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto document = outcome.json();
    for (std::size_t i = 0; i < golden_["prompts"].size(); ++i) {
      EXPECT_EQ(document["sequences"][i]["tokens"], golden_["prompts"][i]["greedy"][rule]["ids"])
          << rule << " prompt " << i << "\n"
          << outcome.command;
    }
  }
}

TEST_P(Agreement, LogitsAreWithinTwoThousandthsInFp32) {
  const auto prompts = write_prompts();
  for (const auto& [rule, spec] : golden_["rules"].items()) {
    const auto out = scratch_.path(rule + ".safetensors");
    const auto outcome = run_alone({"logits", "--model", source_path(GetParam().path), "--prompts",
                                    prompts, "--last", "--out", out, "--quiet", "--precision",
                                    "fp32", "--routing", spec.get<std::string>()});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    for (std::size_t i = 0; i < golden_["prompts"].size(); ++i) {
      const auto expected = golden_tensor(
          source_path(std::string("tests/golden/") + GetParam().name + "/logits.safetensors"),
          "prompt" + std::to_string(i) + "." + rule + ".last");
      const auto actual = golden_tensor(out, std::to_string(i));
      ASSERT_EQ(actual.size(), expected.size());
      float worst = 0;
      for (std::size_t v = 0; v < actual.size(); ++v) {
        worst = std::max(worst, std::abs(actual[v] - expected[v]));
      }
      EXPECT_LE(worst, 2e-3F) << rule << " prompt " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Agreement,
                         ::testing::Values(Model{"tiny-qwen3moe", "configs/models/tiny-qwen3moe"},
                                           Model{"tiny-mixtral", "tests/golden/tiny-mixtral"},
                                           Model{"tiny-olmoe", "tests/golden/tiny-olmoe"}),
                         [](const auto& each) {
                           std::string name = each.param.name;
                           std::erase(name, '-');
                           return name;
                         });

double perplexity_of(const Arguments& flags) {
  Arguments arguments{"eval", "--json", "--quiet"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const auto outcome = run_alone(arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.json()["perplexity"].get<double>();
}

// In bf16, of the two families whose weights are random, under a static and a dynamic rule.
TEST(Perplexity, OfTheOtherFamiliesInBf16) {
  const ScratchFolder scratch;
  const auto dev = read_file(source_path("configs/texts/dev.txt"));
  for (const char* model : {"tests/golden/tiny-mixtral", "tests/golden/tiny-olmoe"}) {
    const auto golden = nlohmann::json::parse(read_file(source_path(model) + "/perplexity.json"));
    const auto text = scratch.write("text", dev.substr(0, golden["text_bytes"]));
    ASSERT_EQ(golden["results"].size(), 2U);
    for (const auto& wanted : golden["results"]) {
      const auto outcome = run_alone({"eval", "--model", source_path(model), "--text", text,
                                      "--context", golden["window"].dump(), "--precision", "bf16",
                                      "--routing", wanted["rule"], "--json", "--quiet"});
      SCOPED_TRACE(outcome.command);
      ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
      const auto document = outcome.json();
      const auto reference = wanted["perplexity"].get<double>();
      EXPECT_NEAR(document["perplexity"].get<double>(), reference, 0.003 * reference);
      EXPECT_EQ(document["tokens"], wanted["tokens"]);
    }
  }
}

TEST(Perplexity, OfTheShippedTextIsWithinThreeThousandthsInBf16) {
  const auto outcome =
      run_alone({"eval", "--preset", "demo", "--text", source_path("configs/texts/dev.txt"),
                 "--json", "--quiet", "--routing", "topk:k=4"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto document = outcome.json();
  // tests/golden/tiny-qwen3moe/perplexity.json, NumPy in float64.
  constexpr double kReference = 43.34403634787408;
  EXPECT_NEAR(document["perplexity"].get<double>(), kReference, 0.003 * kReference);
  EXPECT_EQ(document["tokens"].get<int>(), 65582);
  EXPECT_EQ(document["mean_experts"].get<double>(), 4.0);
  EXPECT_EQ(document["saved_vs_static"].get<double>(), 0.0);
  EXPECT_EQ(document["saved_vs_dense"].get<double>(), 0.75);
}

// A decision that bf16 takes the other way changes how many experts answer, not only by what.
TEST(Perplexity, UnderADynamicRuleIsWithinThreeThousandthsInBf16) {
  const ScratchFolder scratch;
  const auto text =
      scratch.write("text", read_file(source_path("configs/texts/dev.txt")).substr(0, 60'000));
  const auto of = [&](const std::string& precision) {
    return perplexity_of({"--preset", "demo", "--text", text, "--routing", "top-p:theta=0.7",
                          "--precision", precision});
  };
  const double fp32 = of("fp32");
  const double bf16 = of("bf16");
  EXPECT_NEAR(bf16, fp32, 0.003 * fp32);
  EXPECT_NE(bf16, fp32) << "two precisions, not one";
}

}  // namespace
}  // namespace switchyard::tests
