// What contradicts itself or lacks a part is refused in words that help, not taken in part.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/command/run_command.h"
#include "tests/command/spoilt_model.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

void expect_refused(const Arguments& command, int exit_code, const std::string& text) {
  const auto outcome = run_alone(command);
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.command << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(text)) << outcome.command;
  EXPECT_EQ(outcome.out, "") << outcome.command;
}

std::string text_file() { return source_path("configs/texts/dev.txt"); }

TEST(Refusals, FlagsThatContradictEachOther) {
  expect_refused({"eval", "--preset", "demo", "--text", text_file(), "--random-tokens", "5"}, 2,
                 "excludes");
  expect_refused({"study", "--preset", "demo", "--text", text_file(), "--static-k-max", "99"}, 2,
                 "--static-k-max 99: the model has 16 experts");
  expect_refused({"generate", "--preset", "demo", "--prompt", "x", "--routing", "auto:k=3"}, 2,
                 "topk:k=3 sets it");
}

TEST(Refusals, AMistypedCommandLineNamesTheWordAndWhatIsLikeIt) {
  expect_refused({"generate", "--modle", "x"}, 2,
                 "unknown option --modle; did you mean --model? (see switchyard generate --help)");
  expect_refused({"generate", "--modle=x"}, 2, "unknown option --modle; did you mean --model?");
  expect_refused({"generate", "--qqqqqqqqqqqq"}, 2, "option --qqqqqqqqqqqq (see switchyard gen");
  expect_refused({"generate", "what"}, 2,
                 "'what' is not expected here; see switchyard generate --help");
  expect_refused({"generat"}, 2, "unknown command 'generat'; did you mean generate?; there are: ");
  expect_refused({"--model", "x"}, 2, "option --model before a command (see switchyard --help)");
  expect_refused({}, 2, "no command is named; there are: ");
}

TEST(Refusals, AModelWithoutATokenizerNamesTheFile) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  std::filesystem::remove(model + "/tokenizer.json");
  const auto file = model + "/tokenizer.json: there is no such file";
  expect_refused({"generate", "--model", model, "--prompt", "x"}, 4, file);
  expect_refused({"eval", "--model", model, "--text", text_file()}, 4, file);
}

// A model whose tokenizer is of another kind (Mixtral's own) runs on token ids.
TEST(Refusals, AnotherKindOfTokenizerLeavesTokenIds) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  auto tokenizer = nlohmann::json::parse(read_file(model + "/tokenizer.json"));
  tokenizer["model"]["type"] = "Unigram";
  static_cast<void>(scratch.write("model/tokenizer.json", tokenizer.dump()));
  expect_refused({"generate", "--model", model, "--prompt", "x"}, 7,
                 model + "/tokenizer.json is of a kind that is not supported");
  const auto prompts = scratch.write("tokens.jsonl", "{\"tokens\":[1,2]}\n");
  const auto outcome =
      run_alone({"generate", "--model", model, "--prompts", prompts, "--max-tokens", "2"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("prompts have to be token ids"));
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["tokens"].size(), 2U);
}

TEST(Refusals, AFolderInPlaceOfAFileIsTheSameErrorEverywhere) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  std::filesystem::remove(model + "/model.safetensors");
  std::filesystem::create_directory(model + "/model.safetensors");
  expect_refused({"generate", "--model", model, "--prompt", "x"}, 6, "model.safetensors");
  expect_refused({"eval", "--preset", "demo", "--text", model}, 6, model);
  expect_refused({"generate", "--preset", "demo", "--prompts", model}, 6, model);
  expect_refused({"place", model, "--ranks", "2"}, 6, model);
}

TEST(Refusals, APolicyThatNeedsNoCalibrationNamesThoseThatDo) {
  const ScratchFolder scratch;
  expect_refused({"calibrate", "--preset", "demo", "--text", text_file(), "--budget",
                  "random:mean_k=2", "--out", scratch.path("c.json")},
                 2, "those that do: relative, top-p");
}

}  // namespace
}  // namespace switchyard::tests
