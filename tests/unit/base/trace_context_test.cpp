// traceparent as the W3C writes it: what is taken, what is refused and why.
#include "runtime/base/trace_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard {
namespace {

using ::testing::HasSubstr;

constexpr const char* kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, TakesAndWritesTheHeadersValue) {
  const auto context = parse_trace_parent(kGood);
  ASSERT_TRUE(context.has_value()) << context.error().message;
  EXPECT_EQ(context->trace_id_text(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->parent_id[0], 0x00);
  EXPECT_EQ(context->parent_id[7], 0xb7);
  EXPECT_EQ(context->flags, 1);
  EXPECT_EQ(context->text(), kGood);
}

TEST(TraceContext, OfALaterVersionTheRestIsIgnored) {
  const std::string later = std::string("cc").append(kGood + 2);
  for (const auto& text : {later, later + "-", later + "-what-the-future-brings"}) {
    const auto context = parse_trace_parent(text);
    ASSERT_TRUE(context.has_value()) << text << ": " << context.error().message;
    EXPECT_EQ(context->text(), kGood);
  }
  EXPECT_FALSE(parse_trace_parent(later + ".more").has_value());
}

struct Bad {
  const char* text;
  const char* reason;
};

TEST(TraceContext, EverythingElseIsRefusedWithTheReason) {
  for (const Bad& bad : {
           Bad{"", "0 characters; expected 55"},
           Bad{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", "54 characters"},
           Bad{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", "56 characters"},
           Bad{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011", "version 00 has 55"},
           Bad{"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "version ff"},
           Bad{"0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "character 2"},
           Bad{"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "character 3: expected"},
           Bad{"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", "character 36: expected"},
           Bad{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01", "character 53: expected"},
           Bad{"00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "lower-case"},
           Bad{"00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01", "character 35"},
           Bad{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x", "character 55"},
           Bad{"00-00000000000000000000000000000000-00f067aa0ba902b7-01", "trace id is all zeros"},
           Bad{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "parent id is all zeros"},
       }) {
    const auto context = parse_trace_parent(bad.text);
    ASSERT_FALSE(context.has_value()) << bad.text;
    EXPECT_EQ(context.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(context.error().message, HasSubstr("traceparent: ")) << bad.text;
    EXPECT_THAT(context.error().message, HasSubstr(bad.reason)) << bad.text;
  }
}

TEST(TraceContext, WhatIsMadeOfRandomBytesIsAlwaysValid) {
  std::array<std::uint8_t, 24> bytes{};
  EXPECT_EQ(make_trace_context(bytes), *parse_trace_parent(make_trace_context(bytes).text()));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i + 1);
  const auto context = make_trace_context(bytes);
  EXPECT_EQ(context.text(), "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01");
  EXPECT_TRUE(TraceContext().empty());
  EXPECT_EQ(TraceContext().text(), "");
}

}  // namespace
}  // namespace switchyard
