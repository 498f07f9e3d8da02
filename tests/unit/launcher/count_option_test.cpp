#include "launcher/count_option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard::launcher {
namespace {

using ::testing::HasSubstr;

TEST(CountOption, TakesWholeNumbersOfItsRangeAlone) {
  const auto check = count_between(2, 16);
  for (std::string text : {"2", "16", "007"}) EXPECT_EQ(check(text), "") << text;
  for (std::string text : {"1", "17", "-5", "+5", "", " 5", "5 ", "5x", "2.0", "1e1", "0x4",
                           "18446744073709551611", "18446744073709551621"}) {
    EXPECT_THAT(check(text), HasSubstr("expected a whole number from 2 to 16, got " + text));
  }
}

TEST(CountOption, ANegativeNumberDoesNotWrap) {
  CLI::App app;
  std::size_t value = 7;
  app.add_option("--count", value)->check(count_between(0, SIZE_MAX));
  EXPECT_THROW(app.parse("--count -5", false), CLI::ValidationError);
  EXPECT_EQ(value, 7U);
  app.parse("--count 5", false);
  EXPECT_EQ(value, 5U);
}

}  // namespace
}  // namespace switchyard::launcher
