// Bad input gets a clear error that names the place, and the documented exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/command/run_command.h"
#include "tests/command/spoilt_model.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

void expect_error(const Outcome& outcome, int exit_code, const std::string& text) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.command << "\n" << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(text)) << outcome.command;
}

TEST(BadInput, UnknownCommandOrFlagIsUsage) {
  EXPECT_EQ(run_alone({"dance"}).exit_code, 2);
  EXPECT_EQ(run_alone({"generate", "--nonsense"}).exit_code, 2);
}

TEST(BadInput, BadRoutingSpecListsWhatThereIs) {
  expect_error(
      run_alone({"generate", "--preset", "demo", "--prompt", "x", "--routing", "magic:k=1"}), 2,
      "top-p");
}

TEST(BadInput, MissingModelNamesThePath) {
  expect_error(run_alone({"generate", "--model", "/nowhere/model", "--prompt", "x"}), 4,
               "/nowhere/model");
}

TEST(BadInput, TruncatedWeightsNameTheFile) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  std::filesystem::resize_file(model + "/model.safetensors", 100'000);
  expect_error(run_alone({"generate", "--model", model, "--prompt", "x"}), 4, "model.safetensors");
  expect_error(run_alone({"inspect", "--model", model}), 4, "model");
}

TEST(BadInput, MissingConfigKeyIsNamed) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  auto config = nlohmann::json::parse(read_file(model + "/config.json"));
  config.erase("hidden_size");
  static_cast<void>(scratch.write("model/config.json", config.dump()));
  expect_error(run_alone({"generate", "--model", model, "--prompt", "x"}), 4, "hidden_size");
}

TEST(BadInput, NonFiniteWeightIsFound) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  auto file = read_file(model + "/model.safetensors");
  // The last bf16 of the last tensor becomes a NaN.
  file[file.size() - 1] = '\x7f';
  file[file.size() - 2] = '\xc1';
  static_cast<void>(scratch.write("model/model.safetensors", file));
  expect_error(run_alone({"generate", "--model", model, "--prompt", "x"}), 4,
               model + "/model.safetensors: tensor ");
}

// A matrix that is joined with others, one of an expert, one that is used as it is.
TEST(BadInput, ANonFiniteWeightIsNamedByItsFileAndTensor) {
  for (const std::string tensor :
       {"model.layers.1.self_attn.k_proj.weight", "model.layers.2.mlp.experts.3.up_proj.weight",
        "model.layers.0.mlp.gate.weight", "model.layers.0.input_layernorm.weight",
        "model.embed_tokens.weight"}) {
    const ScratchFolder scratch;
    const auto model = model_copy(scratch);
    spoil_tensor(scratch, tensor, 2, 1, "\xc1\x7f");
    expect_error(run_alone({"generate", "--model", model, "--prompt", "x", "--ranks", "2"}), 4,
                 model + "/model.safetensors: tensor \"" + tensor + "\"");
  }
}

TEST(BadInput, ANonFiniteEmbeddingIsFoundByRowAndColumn) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  const auto config = nlohmann::json::parse(read_file(model + "/config.json"));
  const auto hidden = config["hidden_size"].get<std::size_t>();
  spoil_tensor(scratch, "model.embed_tokens.weight", 5 * hidden + 3, 1, "\xc1\x7f");
  expect_error(run_alone({"generate", "--model", model, "--prompt", "x"}), 4,
               "embedding: weight [5, 3] is not finite");
}

// Every weight is finite and the logits are not: no token may be made up from them.
TEST(BadInput, LogitsThatAreNotFiniteEndTheSequenceWithAnError) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  const auto config = nlohmann::json::parse(read_file(model + "/config.json"));
  spoil_tensor(scratch, "model.norm.weight", 0, config["hidden_size"], "\x7f\x7f");
  for (const char* temperature : {"0", "1"}) {
    const auto outcome = run_alone(
        {"generate", "--model", model, "--prompt", "x", "--temperature", temperature, "--json"});
    expect_error(outcome, 4, "--prompt: the logits are not finite after 0 tokens");
    EXPECT_EQ(outcome.json()["sequences"][0]["finish_reason"], "not_finite");
  }
}

TEST(BadInput, BadYamlNamesFileAndLine) {
  const ScratchFolder scratch;
  const auto file = scratch.write("bad.yaml", "device:\n  threds: 2\n");
  expect_error(run_alone({"config", "--config", file}), 3, "bad.yaml:2");
}

TEST(BadInput, PromptPastTheContextIsRefused) {
  const ScratchFolder scratch;
  std::string lines = R"({"id": "a", "prompt": "fine"})"
                      "\n";
  std::string words;
  for (int i = 0; i < 600; ++i) words += " captain";
  lines += nlohmann::json{{"id", "b"}, {"prompt", words}}.dump() + "\n";
  const auto file = scratch.write("prompts.jsonl", lines);
  expect_error(run_alone({"generate", "--preset", "demo", "--prompts", file}), 4,
               "prompts.jsonl:2");
}

TEST(BadInput, ATraceparentThatIsNoneIsRefusedByLineAndCharacter) {
  const ScratchFolder scratch;
  const auto file = scratch.write(
      "prompts.jsonl",
      "{\"prompt\": \"Once\", "
      "\"traceparent\": \"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"}\n"
      "{\"prompt\": \"Once\", "
      "\"traceparent\": \"00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"}\n");
  expect_error(run_alone({"generate", "--preset", "demo", "--prompts", file}), 4,
               "prompts.jsonl:2: traceparent: character 5: expected lower-case hex digits");
}

TEST(BadInput, AnArrivalThatIsNoTimeIsRefusedByLine) {
  const ScratchFolder scratch;
  for (const char* bad : {"-1", "1e9", "\"soon\"", "null"}) {
    const auto file = scratch.write(
        "prompts.jsonl", std::string("{\"prompt\": \"Once\", \"at_ms\": ") + bad + "}\n");
    expect_error(run_alone({"generate", "--preset", "demo", "--prompts", file}), 4,
                 "prompts.jsonl:1: at_ms: expected 0 to 86400000 milliseconds");
  }
}

TEST(BadInput, InvalidUtf8InAPromptIsRefused) {
  const ScratchFolder scratch;
  const auto file = scratch.write("prompts.jsonl", "{\"id\": \"a\", \"prompt\": \"\xff\xfe\"}\n");
  expect_error(run_alone({"generate", "--preset", "demo", "--prompts", file}), 4,
               "prompts.jsonl:1");
}

// A tokenizer may know tokens that its model has no embedding for.
TEST(BadInput, ATokenPastTheVocabularyIsRefusedByPlace) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  auto tokenizer = nlohmann::json::parse(read_file(model + "/tokenizer.json"));
  auto far = tokenizer["added_tokens"].at(0);
  far["id"] = 50000;
  far["content"] = "<far>";
  far["special"] = true;
  tokenizer["added_tokens"].push_back(far);
  static_cast<void>(scratch.write("model/tokenizer.json", tokenizer.dump()));
  const auto text = scratch.write("text.txt", "sea <far>");
  expect_error(run_alone({"generate", "--model", model, "--prompt", "x <far>"}), 4,
               "--prompt: token 2: the tokenizer gives id 50000");
  expect_error(run_alone({"eval", "--model", model, "--text", text}), 4, "gives id 50000");
}

TEST(BadInput, ADeeplyNestedTokenIsRefused) {
  const ScratchFolder scratch;
  constexpr std::size_t kDepth = 400'000;
  const auto file = scratch.write("prompts.jsonl", "{\"tokens\": [" + std::string(kDepth, '[') +
                                                       std::string(kDepth, ']') + "]}\n");
  expect_error(run_alone({"generate", "--preset", "demo", "--prompts", file}), 4,
               "prompts.jsonl:1: JSON nested deeper than 8 levels");
}

TEST(BadInput, ABudgetThatIsNoneIsRefusedBeforeTheWork) {
  const ScratchFolder scratch;
  const auto text = scratch.write("text.txt", "The captain said that the sea was wide.");
  expect_error(run_alone({"calibrate", "--preset", "demo", "--text", text, "--budget",
                          "bogus:mean_k=2", "--out", scratch.path("out")}),
               2, "--budget bogus:mean_k=2");
  expect_error(run_alone({"eval", "--preset", "demo", "--random-tokens", "1"}), 2,
               "--random-tokens: expected a whole number from 2");
}

Arguments random_model(const Arguments& command, const Arguments& keys) {
  Arguments arguments = command;
  for (const auto& key : keys) arguments.insert(arguments.end(), {"--set", key});
  return arguments;
}

// A KV cache of 16 TiB.
TEST(BadInput, SizesThatNoMachineHasAreAnErrorAndNoAbort) {
  expect_error(
      run_alone(random_model(
          {"eval", "--random-tokens", "9", "--kv-mib", "16777216", "--sequences", "2048"},
          {"model.hidden=32", "model.layers=8", "model.heads=64", "model.kv_heads=64",
           "model.head_size=256", "model.vocab=64", "model.experts=4", "model.experts_per_token=2",
           "model.expert_inner=16", "model.context_max=16384"})),
      4, "KV cache (engine.kv_mib): this machine has no memory for");
}

// Tables over positions are made for what the KV cache can hold.
TEST(BadInput, AModelMayBoastOfAnyContext) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  auto config = nlohmann::json::parse(read_file(model + "/config.json"));
  config["max_position_embeddings"] = 16'777'216;
  static_cast<void>(scratch.write("model/config.json", config.dump()));
  const auto outcome = run_alone({"generate", "--model", model, "--prompt", "x", "--kv-mib", "16",
                                  "--max-tokens", "4", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  // Far less than the 2 GiB of tables for all positions.
  EXPECT_LT(outcome.json()["report"]["ranks"][0]["router_bytes"], std::size_t{100} << 20);
}

// As many experts for a token as a router may choose.
TEST(BadInput, AThousandExpertsForATokenAreNoAbort) {
  for (const char* k : {"600", "1024"}) {
    const auto outcome = run_alone(random_model(
        {"eval", "--random-tokens", "9", "--routing", std::string("topk:k=") + k},
        {"model.hidden=32", "model.layers=1", "model.heads=2", "model.kv_heads=1",
         "model.head_size=16", "model.vocab=64", "model.experts=1024", "model.experts_per_token=2",
         "model.expert_inner=16", "engine.step_tokens_max=16", "engine.chunk_tokens=16",
         "engine.sequences_max=1"}));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
}

// What inspect says is what a run takes.
TEST(Inspect, ShowsTheKvCacheThatARunMakes) {
  for (const char* kv_mib : {"0", "1"}) {
    const auto seen = run_alone({"inspect", "--preset", "demo", "--kv-mib", kv_mib, "--json"});
    const auto ran = run_alone({"generate", "--preset", "demo", "--prompt", "x", "--max-tokens",
                                "1", "--kv-mib", kv_mib, "--json"});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(seen.json()["ranks"][0]["kv_bytes"], ran.json()["report"]["ranks"][0]["kv_bytes"]);
  }
}

// The other ranks still read what the one that gives up has sent.
TEST(BadInput, ARankThatMissesItsDeadlineEndsTheRunInOrder) {
  for (int round = 0; round < 4; ++round) {
    const auto outcome = run_alone({"generate", "--preset", "demo", "--prompt", "The captain",
                                    "--ranks", "4", "--set", "cluster.exchange_deadline_ms=1"});
    // A fast machine may answer in time.
    EXPECT_THAT(outcome.exit_code, ::testing::AnyOf(0, 5)) << outcome.err;
  }
}

TEST(BadInput, EveryRankCountEndsWithTheSameCode) {
  for (const char* ranks : {"1", "2", "4"}) {
    expect_error(run_alone({"generate", "--model", "/nowhere", "--prompt", "x", "--ranks", ranks}),
                 4, "/nowhere");
  }
  expect_error(run_alone({"generate", "--preset", "demo", "--prompt", "x", "--ranks", "2",
                          "--routers", "2"}),
               2, "--colocate");
}

}  // namespace
}  // namespace switchyard::tests
