// Where a broken JSON text is broken.
#include "runtime/base/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace switchyard {
namespace {

std::string message(std::string_view text) {
  const auto value = parse_json_text<nlohmann::json>(text, "f.json");
  return value ? std::string() : value.error().message;
}

TEST(JsonText, NamesTheLineAndColumnOfAMistake) {
  EXPECT_EQ(message("{\"a\": 1}"), "");
  EXPECT_EQ(message("{\n  \"a\": 1,\n  \"b\" 2\n}\n"),
            "f.json: not valid JSON at line 3, column 7");
  EXPECT_EQ(message("{\"a\": nul}"), "f.json: not valid JSON at column 10");
  EXPECT_EQ(message("{\n\"a\": [1,\n"), "f.json: not valid JSON at its end");
  EXPECT_EQ(message(""), "f.json: not valid JSON at its end");
  EXPECT_EQ(message("{\n\"\xff\": 1\n}"), "f.json: not valid JSON at line 2, column 2");
  EXPECT_EQ(message("[1e999]"), "f.json: not valid JSON: a number out of range");
}

TEST(JsonText, PlacesEveryByteOfAText) {
  EXPECT_EQ(text_place("ab\ncd\n", 1), "line 1, column 1");
  EXPECT_EQ(text_place("ab\ncd\n", 3), "line 1, column 3");
  EXPECT_EQ(text_place("ab\ncd\n", 5), "line 2, column 2");
  EXPECT_EQ(text_place("ab\ncd\n", 6), "its end");
  EXPECT_EQ(text_place("ab\n", 0), "column 1");
}

}  // namespace
}  // namespace switchyard
