#include "runtime/base/try_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace switchyard {
namespace {

TEST(TryBuffer, GivesZeroedMemoryOfTheSizeAskedFor) {
  const auto buffer = try_buffer(5000);
  ASSERT_TRUE(buffer.has_value()) << buffer.error().message;
  EXPECT_EQ(buffer->bytes(), 5000U);
  EXPECT_TRUE(std::ranges::all_of(buffer->span(), [](std::byte b) { return b == std::byte{0}; }));
  EXPECT_EQ(try_buffer(0)->bytes(), 0U);
}

// More than any address space.
TEST(TryBuffer, SaysWhereThereIsNoMemory) {
  for (const std::size_t bytes : {std::size_t{1} << 60, SIZE_MAX}) {
    const auto buffer = try_buffer(bytes);
    ASSERT_FALSE(buffer.has_value());
    EXPECT_EQ(buffer.error().code, ErrorCode::kLimit);
  }
}

}  // namespace
}  // namespace switchyard
