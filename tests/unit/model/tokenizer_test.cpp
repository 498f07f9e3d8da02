// Round trips, limits and refusals of the tokenizer; the ids themselves are checked against an
// independent program in tokenizer_golden_test.cpp.
#include "runtime/model/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/random.h"
#include "tests/unit/model/parsed_tokenizer.h"
#include "tests/unit/model/tokenizer_document.h"

namespace switchyard::model {
namespace {

using Special = Tokenizer::Special;
using Ids = std::vector<std::uint32_t>;
using testing::HasSubstr;

void append_utf8(std::uint32_t point, std::string& out) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80U | ((point >> shift) & 0x3FU));
  };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0U | (point >> 6U));
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0U | (point >> 12U));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0U | (point >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string random_text(Random& random) {
  constexpr std::array<std::uint64_t, 5> kPlanes = {0x80, 0x300, 0x3100, 0x10000, 0x110000};
  std::string text;
  for (std::uint64_t length = random.next_below(60); length > 0; --length) {
    const std::uint64_t plane = kPlanes[random.next_below(kPlanes.size())];
    const auto point = static_cast<std::uint32_t>(random.next_below(plane));
    if (point < 0xD800 || point > 0xDFFF) append_utf8(point, text);
  }
  return text;
}

TEST(Tokenizer, GivesBackAnyTextWhenDecoded) {
  const auto tokenizer = Tokenizer::open(SWITCHYARD_SOURCE_DIR "/configs/models/tiny-qwen3moe");
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    const std::string text = random_text(random);
    const auto ids = (*tokenizer)->encode(text);
    ASSERT_TRUE(ids.has_value()) << "seed " << seed << ": " << ids.error().message;
    const auto bytes = (*tokenizer)->decode(*ids, Special::kKeep);
    ASSERT_TRUE(bytes.has_value()) << "seed " << seed << ": " << bytes.error().message;
    ASSERT_EQ(*bytes, text) << "seed " << seed;
  }
}

// The merges of a long piece run through a queue, those of a short one through a scan.
TEST(Tokenizer, MergesLongPiecesAsItMergesShortOnes) {
  const auto tokenizer = parsed(tokenizer_document());
  ASSERT_NE(tokenizer, nullptr);
  const std::uint32_t ab = id_of("ab");
  const std::uint32_t abab = id_of("abab");
  std::string text;
  Ids expected;
  for (int i = 0; i < 5000; ++i) {
    text += "abab";
    expected.push_back(abab);
  }
  EXPECT_EQ(tokenizer->encode(text).value(), expected);
  expected.push_back(ab);
  EXPECT_EQ(tokenizer->encode(text + "ab").value(), expected);
  EXPECT_EQ(tokenizer->encode("ababab").value(), (Ids{abab, ab}));
}

TEST(Tokenizer, ReadsMergesAsPairsOrAsText) {
  nlohmann::json document = tokenizer_document();
  using Pair = std::pair<std::string, std::string>;
  document["model"]["merges"] = std::vector<Pair>{{"a", "b"}, {"ab", "ab"}};
  const auto tokenizer = parsed(document);
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->encode("abab").value(), Ids{id_of("abab")});
}

TEST(Tokenizer, TakesWholeTokensFirstWhenMergesAreIgnored) {
  nlohmann::json document = tokenizer_document();
  EXPECT_EQ(parsed(document)->encode("cab").value(), (Ids{id_of("c"), id_of("ab")}));
  document["model"]["ignore_merges"] = true;
  EXPECT_EQ(parsed(document)->encode("cab").value(), Ids{id_of("cab")});
}

TEST(Tokenizer, PrefersTheLongestAddedToken) {
  const auto tokenizer = parsed(tokenizer_document());
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->encode("<e>a<e>x<e").value(),
            (Ids{kEnd, id_of("a"), kEndX, id_of("<"), id_of("e")}));
}

TEST(Tokenizer, SkipsOnlySpecialTokens) {
  const auto tokenizer = parsed(tokenizer_document());
  ASSERT_NE(tokenizer, nullptr);
  const Ids ids = {kEnd, id_of("a"), kEndX};
  EXPECT_EQ(tokenizer->decode(ids, Special::kKeep).value(), "<e>a<e>x");
  EXPECT_EQ(tokenizer->decode(ids, Special::kSkip).value(), "a<e>x");
}

TEST(Tokenizer, LeavesHolesBetweenVocabularyAndAddedTokens) {
  const auto tokenizer = parsed(tokenizer_document());
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->vocab(), kEndX + 1);
  for (const std::uint32_t id : {kEnd - 1, kEndX + 1, 0xFFFFFFFFU}) {
    const auto bytes = tokenizer->decode(Ids{id_of("a"), id}, Special::kKeep);
    ASSERT_FALSE(bytes.has_value()) << id;
    EXPECT_EQ(bytes.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(bytes.error().message, HasSubstr(std::to_string(id)));
  }
}

TEST(Tokenizer, NormalizesBeforeSplitting) {
  nlohmann::json document = tokenizer_document();
  document["normalizer"] = {{"type", "NFC"}};
  const auto tokenizer = parsed(document);
  ASSERT_NE(tokenizer, nullptr);
  const auto ids = tokenizer->encode("e\xCC\x81");  // e + combining acute accent
  EXPECT_EQ(tokenizer->decode(*ids, Special::kKeep).value(), "\xC3\xA9");
}

TEST(Tokenizer, PutsTheTokensOfATemplateInFront) {
  nlohmann::json document = tokenizer_document();
  document["post_processor"] = template_of("<e>", kEnd);
  const auto tokenizer = parsed(document);
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->encode("").value(), Ids{kEnd});
  EXPECT_EQ(tokenizer->encode("a").value(), (Ids{kEnd, id_of("a")}));
}

TEST(Tokenizer, NamesTheOffsetOfInvalidUtf8) {
  const auto tokenizer = parsed(tokenizer_document());
  ASSERT_NE(tokenizer, nullptr);
  struct Case {
    std::string text;
    const char* offset;
  };
  const std::vector<Case> cases = {{"\x80", "byte 0 "},
                                   {"ab\xC0\x80", "byte 2 "},
                                   {"\xC3\xA9\xC3", "byte 2 "},
                                   {"\xE0\x80\x80", "byte 0 "},
                                   {"a\xED\xA0\x80", "byte 1 "},
                                   {"\xF0\x80\x80\x80", "byte 0 "},
                                   {"\xF4\x90\x80\x80", "byte 0 "},
                                   {"\xF5", "byte 0 "},
                                   {"12345678901234567\xFFz", "byte 17 "},
                                   {"\xE2\x82 ", "byte 0 "},
                                   {"\xF0\x9F\x99", "byte 0 "}};
  for (const Case& bad : cases) {
    const auto ids = tokenizer->encode(bad.text);
    ASSERT_FALSE(ids.has_value()) << bad.offset;
    EXPECT_EQ(ids.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(ids.error().message, HasSubstr(bad.offset));
  }
}

TEST(Tokenizer, EndsAnExpressionThatBacktracksForEver) {
  nlohmann::json document = tokenizer_document();
  document["pre_tokenizer"] = split_by("(?:a|aa)+[bc]");
  const auto tokenizer = parsed(document);
  ASSERT_NE(tokenizer, nullptr);
  const auto ids = tokenizer->encode(std::string(100, 'a'));
  ASSERT_FALSE(ids.has_value());
  EXPECT_EQ(ids.error().code, ErrorCode::kLimit);
  EXPECT_THAT(ids.error().message, HasSubstr("byte 0"));
}

TEST(Tokenizer, SaysWhichFileIsMissing) {
  const auto tokenizer = Tokenizer::open("/nonexistent");
  ASSERT_FALSE(tokenizer.has_value());
  EXPECT_EQ(tokenizer.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(tokenizer.error().message, HasSubstr("/nonexistent/tokenizer.json"));
}

}  // namespace
}  // namespace switchyard::model
