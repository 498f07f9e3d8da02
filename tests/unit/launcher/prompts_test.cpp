#include "launcher/prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace switchyard::launcher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PromptLimits limits() {
  PromptLimits limits;
  limits.tokens_max = 100;
  limits.vocab = 50;
  limits.grows = Grows::kYes;
  limits.sampling.max_tokens = 10;
  limits.positions_max = 100;
  limits.line_bytes_max = 64;
  return limits;
}

class Prompts : public ::testing::Test {
 protected:
  Prompts() {
    std::string name = (std::filesystem::temp_directory_path() / "prompts-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Prompts() override {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string write(const std::string& text) const {
    const std::string file = path_ + "/prompts.jsonl";
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }
  std::string path_;
};

TEST_F(Prompts, LastLineMayHaveNoEnd) {
  const auto file = write("{\"tokens\":[1,2]}\n\n \t\r\n{\"tokens\":[3]}");
  const auto prompts = read_prompts({}, file, nullptr, limits());
  ASSERT_TRUE(prompts.has_value()) << prompts.error().message;
  ASSERT_EQ(prompts->size(), 2U);
  EXPECT_EQ((*prompts)[1].place, file + ":4");
}

TEST_F(Prompts, AFolderCannotBeRead) {
  const auto prompts = read_prompts({}, path_, nullptr, limits());
  ASSERT_FALSE(prompts.has_value());
  EXPECT_EQ(prompts.error().code, ErrorCode::kIo);
  EXPECT_THAT(prompts.error().message, HasSubstr(path_ + ":1: cannot be read"));
}

// A file without an end and without a line is given up at the limit of a line.
TEST_F(Prompts, NoMoreOfALineIsReadThanItMayHave) {
  const auto endless = read_prompts({}, "/dev/zero", nullptr, limits());
  ASSERT_FALSE(endless.has_value());
  EXPECT_EQ(endless.error().code, ErrorCode::kLimit);
  const std::string exact = "{\"tokens\":[1]}" + std::string(64 - 14, ' ');
  EXPECT_TRUE(read_prompts({}, write(exact + "\n"), nullptr, limits()).has_value());
  EXPECT_TRUE(read_prompts({}, write(exact), nullptr, limits()).has_value());
  EXPECT_THAT(read_prompts({}, write(exact + " \n"), nullptr, limits()).error().message,
              HasSubstr("a line of more than 64 bytes"));
}

TEST_F(Prompts, AnUnknownKeyIsShownWithoutItsControlCharacters) {
  const auto prompts = read_prompts({}, write("{\"\\u001b[31m\": \"x\"}\n"), nullptr, limits());
  ASSERT_FALSE(prompts.has_value());
  EXPECT_THAT(prompts.error().message, HasSubstr("key '?[31m' is unknown"));
  EXPECT_THAT(prompts.error().message, Not(HasSubstr("\x1b")));
}

TEST_F(Prompts, AKeyThatComesTwiceIsRefused) {
  const auto file = write("{\"tokens\":[1]}\n{\"tokens\":[1],\"tokens\":[2]}\n");
  const auto prompts = read_prompts({}, file, nullptr, limits());
  ASSERT_FALSE(prompts.has_value());
  EXPECT_EQ(prompts.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(prompts.error().message, HasSubstr(file + ":2: key \"tokens\" appears twice"));
}

TEST_F(Prompts, DeepNestingIsRefusedBeforeItIsRead) {
  const auto deep = "{\"id\":" + std::string(20, '[') + std::string(20, ']') + "}";
  EXPECT_EQ(read_prompts({}, write(deep), nullptr, limits()).error().code, ErrorCode::kLimit);
}

TEST_F(Prompts, AnIdThatComesTwiceIsRefusedByBothPlaces) {
  const auto file = write("{\"id\":\"a\",\"tokens\":[1]}\n\n{\"id\":\"a\",\"tokens\":[2]}\n");
  const auto prompts = read_prompts({}, file, nullptr, limits());
  ASSERT_FALSE(prompts.has_value());
  EXPECT_EQ(prompts.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(prompts.error().message,
              HasSubstr(file + ":3: id 'a' is that of the prompt at " + file + ":1"));
  // Also one that was not written down.
  const auto hidden = write("{\"tokens\":[1]}\n{\"id\":\"0\",\"tokens\":[2]}\n");
  EXPECT_EQ(read_prompts({}, hidden, nullptr, limits()).error().code, ErrorCode::kBadInput);
}

TEST_F(Prompts, WithoutAnIdItIsThePlaceAmongThePrompts) {
  const auto prompts = read_prompts(
      {}, write("{\"tokens\":[1]}\n\n{\"id\":\"a\",\"tokens\":[1]}\n{\"tokens\":[1]}\n"), nullptr,
      limits());
  ASSERT_TRUE(prompts.has_value()) << prompts.error().message;
  EXPECT_EQ((*prompts)[0].id, "0");
  EXPECT_EQ((*prompts)[2].id, "2");
}

TEST_F(Prompts, WhatTheKvCacheCannotHoldIsRefusedByPlace) {
  auto small = limits();
  small.positions_max = 12;
  EXPECT_TRUE(read_prompts({}, write("{\"tokens\":[1,2]}"), nullptr, small).has_value());
  const auto file = write("{\"tokens\":[1,2]}\n{\"tokens\":[1,2,3]}");
  const auto prompts = read_prompts({}, file, nullptr, small);
  ASSERT_FALSE(prompts.has_value());
  EXPECT_EQ(prompts.error().code, ErrorCode::kLimit);
  EXPECT_THAT(prompts.error().message, HasSubstr(file + ":2: "));
  EXPECT_THAT(prompts.error().message, HasSubstr("engine.kv_mib"));
}

TEST_F(Prompts, ATokenizerThatIsMissingIsNamedByItsFile) {
  auto with = limits();
  const auto random = read_prompts({"text"}, {}, nullptr, with);
  ASSERT_FALSE(random.has_value());
  EXPECT_EQ(random.error().code, ErrorCode::kUnsupported);
  with.model_path = "/some/model";
  const auto missing = read_prompts({"text"}, {}, nullptr, with);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("/some/model/tokenizer.json"));
}

TEST_F(Prompts, AFolderIsNoTextButNotMissingEither) {
  EXPECT_EQ(read_text_file(path_, 100).error().code, ErrorCode::kIo);
  EXPECT_EQ(read_text_file(path_ + "/none", 100).error().code, ErrorCode::kNotFound);
}

TEST_F(Prompts, ALineMaySetItsOwnSampling) {
  auto wide = limits();
  wide.line_bytes_max = 256;
  wide.sampling.temperature = 0.5;
  const auto file =
      write(R"({"tokens":[1],"temperature":0.9,"top_k":3,"top_p":0.8,"seed":4,"max_tokens":90})"
            "\n{\"tokens\":[1]}\n");
  const auto prompts = read_prompts({}, file, nullptr, wide);
  ASSERT_TRUE(prompts.has_value()) << prompts.error().message;
  const auto& own = (*prompts)[0].sampling;
  EXPECT_EQ(own.temperature, 0.9);
  EXPECT_EQ(own.top_k, 3U);
  EXPECT_EQ(own.top_p, 0.8);
  EXPECT_EQ(own.seed, 4U);
  EXPECT_EQ(own.max_tokens, 90U);
  EXPECT_EQ((*prompts)[1].sampling.temperature, 0.5);
  EXPECT_EQ((*prompts)[1].sampling.max_tokens, 10U);
}

TEST_F(Prompts, ALinesSamplingHasTheRulesOfTheRuns) {
  auto wide = limits();
  wide.line_bytes_max = 256;
  wide.positions_max = 50;
  for (const auto& [line, words] : std::vector<std::pair<std::string, std::string>>{
           {R"({"tokens":[1],"top_p":0})", ":1: top_p: expected a number in (0, 1]"},
           {R"({"tokens":[1],"top_k":-1})", ":1: sampling.top_k is '-1'"},
           {R"({"tokens":[1],"seed":"x"})", ":1: seed: expected a number, got string"},
           {R"({"tokens":[1],"max_tokens":60})", ":1: the prompt and its new tokens need 61"},
           {R"({"tokens":[1],"id":5})", ":1: id: expected a text in quotes"},
           {R"({"tokens":[1],"idd":"x"})", ":1: key 'idd' is unknown; known: id, "},
           {"{\"tokens\":[1],\"id\":\"\xff\"}", ":1: invalid UTF-8 at byte 20"},
           {"\n", ": there is no prompt in it"}}) {
    const auto prompts = read_prompts({}, write(line), nullptr, wide);
    ASSERT_FALSE(prompts.has_value()) << line;
    EXPECT_THAT(prompts.error().message, HasSubstr(words)) << line;
  }
}

}  // namespace
}  // namespace switchyard::launcher
