#include "runtime/base/utf8.h"

#include <gtest/gtest.h>

namespace switchyard {
namespace {

constexpr std::string_view kAll = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x82";  // 1, 2, 3, 4 bytes

TEST(Utf8, KnowsEachLength) {
  EXPECT_FALSE(find_invalid_utf8(kAll));
  EXPECT_EQ(valid_sequence_bytes(kAll, 0), 1u);
  EXPECT_EQ(valid_sequence_bytes(kAll, 1), 2u);
  EXPECT_EQ(valid_sequence_bytes(kAll, 3), 3u);
  EXPECT_EQ(valid_sequence_bytes(kAll, 6), 4u);
  EXPECT_EQ(valid_sequence_bytes(kAll, 2), 0u);  // inside of one
}

TEST(Utf8, RepairsEachByteThatBelongsToNothing) {
  EXPECT_EQ(repaired_utf8(kAll), kAll);
  EXPECT_EQ(repaired_utf8("caf\xE9"), "caf\xEF\xBF\xBD");
  EXPECT_EQ(repaired_utf8("\xE2\x82!"), "\xEF\xBF\xBD\xEF\xBF\xBD!");  // cut short
  EXPECT_EQ(repaired_utf8("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");    // too long a form
  EXPECT_EQ(repaired_utf8("\xED\xA0\x80").size(), 9u);                 // a surrogate
  EXPECT_FALSE(find_invalid_utf8(repaired_utf8("\xF5\x80\xFF\x80 \xF0\x9F\x9A")));
}

TEST(Utf8, CutsBetweenCodePoints) {
  EXPECT_EQ(front_of_utf8(kAll, 100), kAll);
  EXPECT_EQ(front_of_utf8(kAll, 10), kAll);
  EXPECT_EQ(front_of_utf8(kAll, 9), kAll.substr(0, 6));
  EXPECT_EQ(front_of_utf8(kAll, 3), kAll.substr(0, 3));
  EXPECT_EQ(front_of_utf8(kAll, 2), "a");
  EXPECT_EQ(front_of_utf8(kAll, 0), "");
}

}  // namespace
}  // namespace switchyard
