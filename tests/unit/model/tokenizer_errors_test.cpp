// What a tokenizer.json may not say: each fault alone, and the code and key that the error names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/model/tokenizer.h"
#include "tests/unit/model/tokenizer_document.h"

namespace switchyard::model {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Fault {
  const char* pointer;  // RFC 6901: what is replaced in tokenizer_document(), or added to it
  json value;
  ErrorCode code;
  const char* named;  // part of the message
};

void expect_refused(const json& document, const Fault& fault) {
  SCOPED_TRACE(std::string(fault.pointer) + " = " + fault.value.dump());
  const auto tokenizer = Tokenizer::parse(document.dump(), "t.json");
  ASSERT_FALSE(tokenizer.has_value());
  EXPECT_EQ(tokenizer.error().code, fault.code) << tokenizer.error().message;
  EXPECT_THAT(tokenizer.error().message, HasSubstr(fault.named));
  EXPECT_THAT(tokenizer.error().message, HasSubstr("t.json"));
}

void expect_all_refused(const std::vector<Fault>& faults, json (*unspoilt)() = tokenizer_document) {
  for (const Fault& fault : faults) {
    json document = unspoilt();
    document[json::json_pointer(fault.pointer)] = fault.value;
    expect_refused(document, fault);
  }
}

json type(const char* name) { return {{"type", name}}; }

TEST(TokenizerErrors, AcceptTheUnspoiltDocument) {
  const auto tokenizer = Tokenizer::parse(tokenizer_document().dump(), "t.json");
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  const auto marked = Tokenizer::parse(marked_document().dump(), "t.json");
  EXPECT_TRUE(marked.has_value()) << marked.error().message;
}

TEST(TokenizerErrors, NameWhatTheModelCannotDo) {
  constexpr auto kUnsupported = ErrorCode::kUnsupported;
  expect_all_refused({
      {"/model/type", "WordPiece", kUnsupported, "t.json.model.type: \"WordPiece\""},
      {"/model/dropout", 0.1, kUnsupported, "t.json.model.dropout"},
      {"/model/byte_fallback", true, kUnsupported, "t.json.pre_tokenizer.type: \"ByteLevel\""},
      {"/model/unk_token", "<unk>", kUnsupported, "t.json.model.unk_token"},
      {"/model/continuing_subword_prefix", "##", kUnsupported, "continuing_subword_prefix"},
      {"/model/end_of_word_suffix", "</w>", kUnsupported, "end_of_word_suffix"},
      {"/truncation", {{"max_length", 5}}, kUnsupported, "t.json.truncation"},
      {"/padding", {{"length", 5}}, kUnsupported, "t.json.padding"},
      {"/added_tokens/0/lstrip", true, kUnsupported, "t.json.added_tokens[0].lstrip"},
      {"/added_tokens/1/rstrip", true, kUnsupported, "t.json.added_tokens[1].rstrip"},
      {"/added_tokens/1/single_word", true, kUnsupported, "added_tokens[1].single_word"},
  });
}

TEST(TokenizerErrors, NameWhatThePipelineCannotDo) {
  constexpr auto kUnsupported = ErrorCode::kUnsupported;
  const json two = {byte_level(), byte_level()};
  const json digits = {type("Digits"), byte_level()};
  const json stripped = {type("NFC"), type("Strip")};
  json ends_with_special = template_of("<e>", kEnd);
  std::swap(ends_with_special["single"][0], ends_with_special["single"][1]);
  json removed = split_by("a");
  removed["pretokenizers"][0]["behavior"] = "Removed";
  json inverted = split_by("a");
  inverted["pretokenizers"][0]["invert"] = true;
  json literal = split_by("a");
  literal["pretokenizers"][0]["pattern"] = {{"String", "a"}};
  expect_all_refused({
      {"/normalizer", type("NFKC"), kUnsupported, "t.json.normalizer.type: \"NFKC\""},
      {"/normalizer",
       {{"type", "Sequence"}, {"normalizers", stripped}},
       kUnsupported,
       "t.json.normalizer.normalizers[1].type: \"Strip\""},
      {"/pre_tokenizer", nullptr, kUnsupported, "t.json.pre_tokenizer: null"},
      {"/pre_tokenizer", type("Metaspace"), kUnsupported, "\"Metaspace\""},
      {"/pre_tokenizer",
       {{"type", "Sequence"}, {"pretokenizers", digits}},
       kUnsupported,
       "t.json.pre_tokenizer.pretokenizers[0].type: \"Digits\""},
      {"/pre_tokenizer",
       {{"type", "Sequence"}, {"pretokenizers", two}},
       kUnsupported,
       "pretokenizers[0].type: \"ByteLevel\""},
      {"/pre_tokenizer", removed, kUnsupported, "behavior: \"Removed\""},
      {"/pre_tokenizer", inverted, kUnsupported, "invert"},
      {"/pre_tokenizer", literal, kUnsupported, "pattern"},
      {"/post_processor", type("BertProcessing"), kUnsupported, "\"BertProcessing\""},
      {"/post_processor", ends_with_special, kUnsupported, "t.json.post_processor.single[0]"},
      {"/decoder", type("Metaspace"), kUnsupported, "t.json.decoder.type: \"Metaspace\""},
  });
}

TEST(TokenizerErrors, NameTheKeyOfAMalformedFile) {
  constexpr auto kBad = ErrorCode::kBadInput;
  expect_all_refused({
      {"/model", 5, kBad, "t.json.model: expected an object, found 5"},
      {"/model/vocab", json::array(), kBad, "t.json.model.vocab: expected an object"},
      {"/model/vocab/ab", "x", kBad, "t.json.model.vocab.ab: expected an id"},
      {"/model/vocab/ab", -1, kBad, "t.json.model.vocab.ab"},
      {"/model/vocab/ab", 1.5, kBad, "t.json.model.vocab.ab"},
      {"/model/vocab/ab", 257, kBad, "id 257 has two tokens"},
      {"/model/vocab/ab", 1U << 31U, ErrorCode::kLimit, "id 2147483648 is above the limit"},
      {"/model/vocab/", 270, kBad, "tokens that are not empty"},
      {"/model/merges", 1, kBad, "t.json.model.merges: expected an array"},
      {"/model/merges/0", "ab", kBad, "t.json.model.merges[0]"},
      {"/model/merges/1", "a b c", kBad, "t.json.model.merges[1]"},
      {"/model/merges/1", {"a"}, kBad, "t.json.model.merges[1]"},
      {"/model/merges/1", {"a", 1}, kBad, "t.json.model.merges[1][1]: expected a string"},
      {"/model/merges/1", "a x", kBad, "model.merges[1]: \"a\" + \"x\""},
      {"/model/ignore_merges", "yes", kBad, "t.json.model.ignore_merges: expected true or false"},
      {"/added_tokens", {{"id", 1}}, kBad, "t.json.added_tokens: expected an array"},
      {"/added_tokens/0/id", nullptr, kBad, "t.json.added_tokens[0].id: missing"},
      {"/added_tokens/0/content", "", kBad, "t.json.added_tokens[0].content"},
      {"/added_tokens/0/content", "ab", kBad, "contradicts its id in model.vocab"},
      {"/added_tokens/0/id", 97, kBad, "contradicts another token of that id"},
      {"/pre_tokenizer", split_by("(a"), kBad, "t.json: pre_tokenizer: regular expression '(a'"},
      {"/pre_tokenizer", split_by(""), kBad, "pattern.Regex: expected an expression"},
      {"/pre_tokenizer", json::object(), kBad, "t.json.pre_tokenizer.type: missing"},
      {"/pre_tokenizer",
       {{"type", "Sequence"}, {"pretokenizers", json::array()}},
       kBad,
       "t.json.pre_tokenizer"},
      {"/post_processor", template_of("<e>", 299), kBad, "post_processor: id 299 has no token"},
      {"/decoder", nullptr, kBad, "t.json.decoder: missing"},
  });
}

TEST(TokenizerErrors, NameWhatAFileWithSpaceMarksCannotDo) {
  constexpr auto kUnsupported = ErrorCode::kUnsupported;
  constexpr auto kBad = ErrorCode::kBadInput;
  json split = metaspace("first");
  split["split"] = true;
  json old = metaspace("first");
  old.erase("split");
  expect_all_refused(
      {
          {"/model/byte_fallback", false, kUnsupported, "t.json.model.unk_token: \"<unk>\""},
          {"/model/ignore_merges", true, kUnsupported, "t.json.model.ignore_merges"},
          {"/normalizer", type("NFC"), kUnsupported, "t.json.normalizer.type: \"NFC\""},
          {"/normalizer", replace_by(" ", "\u2581"), kBad, "both Prepend and Replace"},
          {"/normalizer", nullptr, kUnsupported, "t.json.pre_tokenizer: null"},
          {"/normalizer/normalizers/0/prepend", "_", kUnsupported, "normalizers[0].prepend: \"_\""},
          {"/normalizer/normalizers/1/content", "_", kUnsupported, "normalizers[1].content: \"_\""},
          {"/normalizer/normalizers/1/pattern", {{"Regex", " "}}, kUnsupported, "[1].pattern"},
          {"/pre_tokenizer", metaspace("first"), kUnsupported, "null where the normalizer marks"},
          {"/pre_tokenizer", byte_level(), kUnsupported, "t.json.pre_tokenizer.type"},
          {"/decoder", byte_level(), kUnsupported, "t.json.decoder.type: \"ByteLevel\""},
          {"/decoder/decoders/3/stop", 1, kUnsupported, "t.json.decoder.decoders[3].stop: 1"},
          {"/decoder/decoders/0/content", "", kUnsupported, "t.json.decoder.decoders[0].content"},
      },
      marked_document);
  const auto without_normalizer = [] {
    json document = marked_document();
    document["normalizer"] = nullptr;
    return document;
  };
  expect_all_refused(
      {{"/pre_tokenizer", metaspace("last"), kUnsupported, "prepend_scheme: \"last\""},
       {"/pre_tokenizer", split, kUnsupported, "t.json.pre_tokenizer.split: true"},
       {"/pre_tokenizer", old, kUnsupported, "t.json.pre_tokenizer.split: absent"}},
      without_normalizer);
}

TEST(TokenizerErrors, NameTheByteThatHasNoToken) {
  json document = tokenizer_document();
  document["model"]["vocab"].erase("z");
  expect_refused(document, {"/model/vocab/z", nullptr, ErrorCode::kBadInput, "byte 0x7A"});
  document = marked_document();
  document["model"]["vocab"].erase("<0x7A>");
  expect_refused(document, {"/model/vocab/z", nullptr, ErrorCode::kBadInput, "byte 0x7A"});
}

TEST(TokenizerErrors, NameTheByteWhereTheJsonEnds) {
  for (const char* text : {"", "{", "{\"a\": \xFF}", "[1, 2"}) {
    const auto tokenizer = Tokenizer::parse(text, "t.json");
    ASSERT_FALSE(tokenizer.has_value()) << text;
    EXPECT_EQ(tokenizer.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(tokenizer.error().message, HasSubstr("t.json: not valid JSON at"));
  }
  EXPECT_EQ(Tokenizer::parse("[]", "t.json").error().code, ErrorCode::kBadInput);
}

TEST(TokenizerErrors, RefuseExpressionsThatPcre2ReadsInAnotherWay) {
  for (const char* regex :
       {"\\Ka", "a$", "^a", "(?R)", "(?1)", "(*ACCEPT)", "(?C)", "[[:alpha:]]", "[a&&b]", "[^\\S]",
        "\\w+", "\\bword", "(?<name>a)", "\\1", "a\\", "\\p{Han}", "\\p", "[a-\\s]", "[\\s-a]"}) {
    json document = tokenizer_document();
    document["pre_tokenizer"] = split_by(regex);
    expect_refused(document, {regex, nullptr, ErrorCode::kUnsupported, "is not supported"});
  }
}

}  // namespace
}  // namespace switchyard::model
