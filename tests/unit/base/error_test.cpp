#include "runtime/base/error.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace switchyard {
namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) return fail(ErrorCode::kBadInput, "{} is odd", number);
  return number / 2;
}

Result<int> quarter_of(int number) {
  SY_ASSIGN(const int half, half_of(number));
  SY_ASSIGN(const int quarter, half_of(half));
  return quarter;
}

Result<void> check_even(int number) {
  SY_TRY(half_of(number));
  return {};
}

TEST(Error, FailFormatsTheMessageAndKeepsTheCode) {
  const auto result = half_of(3);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(result.error().scope, ErrorScope::kOperation);
  EXPECT_EQ(result.error().message, "3 is odd");
}

TEST(Error, FailTakesAScope) {
  const Result<void> result = fail(ErrorCode::kPeer, ErrorScope::kCommunicator, "rank {} left", 2);
  EXPECT_EQ(result.error().scope, ErrorScope::kCommunicator);
}

TEST(Error, AssignAndTryPassTheFirstErrorOn) {
  EXPECT_EQ(quarter_of(8).value(), 2);
  EXPECT_EQ(quarter_of(6).error().message, "3 is odd");
  EXPECT_TRUE(check_even(2).has_value());
  EXPECT_EQ(check_even(1).error().message, "1 is odd");
}

TEST(Error, WithPlacePutsThePlaceInFront) {
  const Result<void> result = with_place(half_of(5).error(), "layer 3");
  EXPECT_EQ(result.error().message, "layer 3: 5 is odd");
  EXPECT_EQ(result.error().code, ErrorCode::kBadInput);
}

TEST(Error, AssignMovesWhatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto use = [&]() -> Result<int> {
    SY_ASSIGN(auto owned, make());
    return *owned;
  };
  EXPECT_EQ(use().value(), 7);
}

TEST(Error, NamesOfCodesAndScopesAreDistinct) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    EXPECT_TRUE(names.insert(to_string(static_cast<ErrorCode>(code))).second) << code;
  }
  EXPECT_EQ(names.count("unknown"), 0U);
  names.clear();
  for (int scope = 0; scope <= static_cast<int>(ErrorScope::kProcess); ++scope) {
    EXPECT_TRUE(names.insert(to_string(static_cast<ErrorScope>(scope))).second) << scope;
  }
  EXPECT_EQ(names.count("unknown"), 0U);
}

}  // namespace
}  // namespace switchyard
