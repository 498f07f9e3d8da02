// Every tokenizer of tests/golden against its tokenizer_cases.json, which an independent Python
// program wrote (tests/golden/make/bpe.py).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/model/tokenizer.h"

namespace switchyard::model {
namespace {

struct Golden {
  const char* tokenizer;  // a directory with tokenizer.json, below the source tree
  const char* cases;      // a directory with tokenizer_cases.json
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.cases; }

std::string in_tree(const char* path) { return std::string(SWITCHYARD_SOURCE_DIR "/") + path; }

nlohmann::json read_cases(const Golden& golden) {
  std::ifstream file(in_tree(golden.cases) + "/tokenizer_cases.json");
  return nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
}

class TokenizerGolden : public testing::TestWithParam<Golden> {};

TEST_P(TokenizerGolden, EncodesAndDecodesAsTheReference) {
  const auto tokenizer = Tokenizer::open(in_tree(GetParam().tokenizer));
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  const nlohmann::json cases = read_cases(GetParam());
  ASSERT_TRUE(cases.is_array());
  ASSERT_GE(cases.size(), 300U);
  for (const nlohmann::json& entry : cases) {
    const std::string text = entry.at("text");
    SCOPED_TRACE(entry.dump(-1, ' ', true));
    const auto ids = (*tokenizer)->encode(text);
    ASSERT_TRUE(ids.has_value()) << ids.error().message;
    EXPECT_EQ(*ids, entry.at("ids").get<std::vector<std::uint32_t>>());
    const auto bytes = (*tokenizer)->decode(*ids, Tokenizer::Special::kKeep);
    ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
    EXPECT_EQ(*bytes, entry.value("decoded", text));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TokenizerGolden,
    testing::Values(
        Golden{"configs/models/tiny-qwen3moe", "tests/golden/tiny-qwen3moe"},
        Golden{"tests/golden/tiny-mixtral", "tests/golden/tiny-mixtral"},
        Golden{"tests/golden/tiny-olmoe", "tests/golden/tiny-olmoe"},
        Golden{"tests/golden/tokenizers/qwen-pattern", "tests/golden/tokenizers/qwen-pattern"},
        Golden{"tests/golden/tokenizers/vocab-first", "tests/golden/tokenizers/vocab-first"},
        Golden{"tests/golden/tokenizers/prefix-space", "tests/golden/tokenizers/prefix-space"},
        Golden{"tests/golden/tokenizers/marks-normalizer",
               "tests/golden/tokenizers/marks-normalizer"},
        Golden{"tests/golden/tokenizers/marks-metaspace",
               "tests/golden/tokenizers/marks-metaspace"}));

}  // namespace
}  // namespace switchyard::model
