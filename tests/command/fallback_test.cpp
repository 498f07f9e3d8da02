// Law 1 where the fallback decides: an expert of one layer has logits that are not finite.
#include <gtest/gtest.h>

#include <cstdint>

#include "tests/command/exactness_rows.h"
#include "tests/command/spoilt_model.h"

namespace switchyard::tests {
namespace {

constexpr std::size_t kLoadBalance = 3;  // its place in the report's "fallbacks"

// The largest bf16 numbers in one row of the gate: sums of their products overflow.
std::string model_with_an_endless_logit(const ScratchFolder& scratch) {
  const auto model = model_copy(scratch);
  const auto config = nlohmann::json::parse(read_file(model + "/config.json"));
  const auto hidden = config["hidden_size"].get<std::size_t>();
  spoil_tensor(scratch, "model.layers.2.mlp.gate.weight", 5 * hidden, hidden, "\x7f\x7f");
  return model;
}

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(LoadBalance, ChoosesTheSameExpertsInEveryLayout) {
  const ScratchFolder scratch;
  const auto text = read_file(source_path("configs/texts/dev.txt")).substr(0, 8000);
  const auto file = scratch.path("calibration.json");
  const auto calibrated =
      run_alone({"calibrate", "--preset", "demo", "--text", scratch.write("text.txt", text),
                 "--budget", "top-p:mean_k=2", "--out", file, "--quiet"});
  ASSERT_EQ(calibrated.exit_code, 0) << calibrated.err;
  const auto prompts = exactness_prompts(scratch);
  const Arguments fixed{"--model", model_with_an_endless_logit(scratch), "--routing",
                        "topk:k=2,fallback=load_balance"};
  const auto hashed = run_alone(exactness_run(prompts, fixed)).json();
  const auto counted = with(fixed, {"--calibration", file});
  for (const auto& policy : {fixed, counted}) {
    const auto baseline = run_alone(exactness_run(prompts, policy));
    ASSERT_EQ(baseline.exit_code, 0) << baseline.err;
    const auto document = baseline.json();
    EXPECT_GT(document["report"]["fallbacks"][kLoadBalance].get<std::uint64_t>(), 0U);
    for (const auto& layout : {Arguments{"--ranks", "3"}, Arguments{"--chunk", "7"},
                               Arguments{"--ranks", "4", "--routers", "2", "--colocate"},
                               Arguments{"--sequences", "1"}}) {
      expect_same_sequences(run_alone(exactness_run(prompts, with(policy, layout))),
                            document["sequences"]);
    }
    // The counts are asked where there are any.
    EXPECT_EQ(document["sequences"] == hashed["sequences"], policy == fixed);
  }
}

}  // namespace
}  // namespace switchyard::tests
