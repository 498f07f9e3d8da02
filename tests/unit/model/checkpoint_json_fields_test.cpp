#include "runtime/model/checkpoint/json_fields.h"

#include <gmock/gmock.h>

namespace switchyard::model {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr JsonLimits kLimits{.bytes_max = 200, .depth_max = 3};

ErrorCode code_of(std::string_view text) {
  const auto parsed = parse_json_object(text, "here.json", kLimits);
  if (parsed) return ErrorCode::kInternal;
  EXPECT_THAT(parsed.error().message, HasSubstr("here.json"));
  EXPECT_THAT(parsed.error().message, ::testing::Not(HasSubstr("\n")));
  return parsed.error().code;
}

TEST(ParseJsonObject, ReadsAnObject) {
  const auto parsed = parse_json_object(R"({"a": {"b": [1]}, "c": {"b": 2}})", "p", kLimits);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ((*parsed)["c"]["b"], 2);
}

TEST(ParseJsonObject, RefusesWhatIsNoObject) {
  EXPECT_EQ(code_of(""), ErrorCode::kBadInput);
  EXPECT_EQ(code_of("[1]"), ErrorCode::kBadInput);
  EXPECT_EQ(code_of(R"({"a": )"), ErrorCode::kBadInput);
  EXPECT_EQ(code_of(R"({"a": 1} x)"), ErrorCode::kBadInput);
  EXPECT_EQ(code_of("{\"\xff\": 1}"), ErrorCode::kBadInput);
  EXPECT_EQ(code_of("{\"a\n\": 1}"), ErrorCode::kBadInput);
}

TEST(ParseJsonObject, RefusesDuplicateKeysAtAnyDepth) {
  EXPECT_EQ(code_of(R"({"a": 1, "a": 1})"), ErrorCode::kBadInput);
  EXPECT_EQ(code_of(R"({"o": {"a": 1, "b": [], "a": 2}})"), ErrorCode::kBadInput);
  EXPECT_EQ(code_of(R"({"a": 1, "\u0061": 1})"), ErrorCode::kBadInput);
}

TEST(ParseJsonObject, HasLimits) {
  EXPECT_EQ(code_of(R"({"a": [[[1]]]})"), ErrorCode::kLimit);
  EXPECT_EQ(code_of("{" + std::string(300, ' ') + "}"), ErrorCode::kLimit);
  EXPECT_EQ(code_of(std::string(150, '[')), ErrorCode::kLimit);
  EXPECT_TRUE(parse_json_object(R"({"a": "[[[[[\"{{{{"})", "p", kLimits));
}

TEST(QuoteName, EscapesAndCuts) {
  EXPECT_EQ(quote_name("a\nb\"c"), R"("a\nb\"c")");
  EXPECT_THAT(quote_name("\xff"), HasSubstr("\\ufffd"));
  EXPECT_LT(quote_name(std::string(5000, 'x')).size(), 200);
}

TEST(TypedFields, GivesTypedMembers) {
  const auto object =
      json::parse(R"({"count": 3, "half": 0.5, "text": "t", "flag": true, "list": [1, 2]})");
  const JsonFields fields(object, "p");
  EXPECT_EQ(fields.count("count").value(), 3U);
  EXPECT_EQ(fields.number_or("count", 9).value(), 3.0);
  EXPECT_EQ(fields.number_or("half", 9).value(), 0.5);
  EXPECT_EQ(fields.text("text").value(), "t");
  EXPECT_TRUE(fields.flag_or("flag", false).value());
  EXPECT_THAT(fields.counts("list").value(), ElementsAre(1, 2));
  EXPECT_THAT(fields.counts("count").value(), ElementsAre(3));
}

TEST(TypedFields, TakesNullAndAbsentForTheDefault) {
  const auto object = json::parse(R"({"null": null})");
  const JsonFields fields(object, "p");
  for (const char* key : {"null", "absent"}) {
    EXPECT_FALSE(fields.has(key));
    EXPECT_EQ(fields.count_or(key, 7).value(), 7U);
    EXPECT_EQ(fields.number_or(key, 1.5).value(), 1.5);
    EXPECT_TRUE(fields.flag_or(key, true).value());
    EXPECT_EQ(fields.text_or(key, "d").value(), "d");
    EXPECT_TRUE(fields.counts(key).value().empty());
    EXPECT_FALSE(fields.object(key).value().has_value());
    EXPECT_EQ(fields.count(key).error().code, ErrorCode::kBadInput);
  }
}

TEST(TypedFields, NamesPlaceAndKeyOfAWrongType) {
  const auto object = json::parse(
      R"({"negative": -3, "half": 0.5, "text": "t", "mixed": [1, "2"], "inner": {"x": "y"}, "one": 1})");
  const JsonFields fields(object, "dir/config.json");
  const auto expect_names = [](const auto& outcome, const char* key) {
    ASSERT_FALSE(outcome.has_value()) << key;
    EXPECT_EQ(outcome.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(outcome.error().message, HasSubstr(std::string("dir/config.json: ") + key));
  };
  expect_names(fields.count("negative"), "negative");
  expect_names(fields.count("half"), "half");
  expect_names(fields.count("text"), "text");
  expect_names(fields.number_or("text", 1), "text");
  expect_names(fields.flag_or("one", true), "one");
  expect_names(fields.text("one"), "one");
  expect_names(fields.counts("mixed"), "mixed");
  expect_names(fields.texts("mixed"), "mixed");
  expect_names(fields.object("one"), "one");
  const auto inner = fields.object("inner").value();
  ASSERT_TRUE(inner.has_value());
  expect_names(inner->count("x"), "inner.x");
}

}  // namespace
}  // namespace switchyard::model
