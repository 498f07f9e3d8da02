// Tokenizers that mark spaces as SentencePiece does: where a mark comes in front, what has no token
// goes by its bytes, and what comes back. Whole vocabularies: tokenizer_golden_test.cpp.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/model/tokenizer.h"
#include "tests/unit/model/parsed_tokenizer.h"
#include "tests/unit/model/tokenizer_document.h"

namespace switchyard::model {
namespace {

using Special = Tokenizer::Special;
using Ids = std::vector<std::uint32_t>;

// With a pre_tokenizer in place of the normalizer.
std::unique_ptr<Tokenizer> with_metaspace(const std::string& scheme) {
  nlohmann::json document = marked_document();
  document["normalizer"] = nullptr;
  document["pre_tokenizer"] = metaspace(scheme);
  return parsed(document);
}

TEST(TokenizerMarks, ComeBeforeEveryPartByTheNormalizer) {
  const auto tokenizer = parsed(marked_document());
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->encode("").value(), Ids{});
  EXPECT_EQ(tokenizer->encode("a").value(), Ids{kMarkA});
  EXPECT_EQ(tokenizer->encode(" a").value(), (Ids{kMark, kMarkA}));
  EXPECT_EQ(tokenizer->encode("a<s>a").value(), (Ids{kMarkA, 1, kMarkA}));
  EXPECT_EQ(tokenizer->encode("<s>").value(), Ids{1});
}

TEST(TokenizerMarks, ComeBeforeTheTextByItsScheme) {
  struct Case {
    const char* scheme;
    Ids plain;   // "a<s>a"
    Ids spaced;  // " a"
    Ids after;   // "<s>a"
  };
  const std::vector<Case> cases = {{"never", {kA, 1, kA}, {kMarkA}, {1, kA}},
                                   {"first", {kMarkA, 1, kA}, {kMarkA}, {1, kA}},
                                   {"always", {kMarkA, 1, kMarkA}, {kMarkA}, {1, kMarkA}}};
  for (const Case& expected : cases) {
    SCOPED_TRACE(expected.scheme);
    const auto tokenizer = with_metaspace(expected.scheme);
    ASSERT_NE(tokenizer, nullptr);
    EXPECT_EQ(tokenizer->encode("").value(), Ids{});
    EXPECT_EQ(tokenizer->encode("a<s>a").value(), expected.plain);
    EXPECT_EQ(tokenizer->encode(" a").value(), expected.spaced);
    EXPECT_EQ(tokenizer->encode("<s>a").value(), expected.after);
  }
}

TEST(TokenizerMarks, StandForSpacesInsideTokens) {
  const auto tokenizer = with_metaspace("never");
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->encode("b a").value(), Ids{kBMarkA});
  EXPECT_EQ(tokenizer->encode("b\u2581a").value(), Ids{kBMarkA});
  EXPECT_EQ(tokenizer->decode(Ids{kBMarkA, kMarkA}, Special::kKeep).value(), "b a a");
}

TEST(TokenizerMarks, LeaveCharactersWithoutATokenToTheirBytes) {
  const auto tokenizer = with_metaspace("never");
  ASSERT_NE(tokenizer, nullptr);
  const Ids ids = {kAcute, fallback_id(0xC3), fallback_id(0xA0), fallback_id('\n'), kA};
  EXPECT_EQ(tokenizer->encode("\u00e9\u00e0\na").value(), ids);
  EXPECT_EQ(tokenizer->decode(ids, Special::kKeep).value(), "\u00e9\u00e0\na");
  // Half a character, as a token of a text that is still being written may be.
  EXPECT_EQ(tokenizer->decode(Ids{fallback_id(0xC3)}, Special::kKeep).value(), "\xC3");
}

TEST(TokenizerMarks, KeepTheSpaceOfAContinuation) {
  const auto tokenizer = parsed(marked_document());
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->decode(Ids{kMarkA, kB}, Special::kSkip).value(), " ab");
}

}  // namespace
}  // namespace switchyard::model
