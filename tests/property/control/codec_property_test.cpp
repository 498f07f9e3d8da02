// Laws of the control codec over random messages of every type; a failure names type and seed.
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/control/codec.h"
#include "tests/property/control/message_maker.h"

namespace switchyard::control {
namespace {

constexpr std::size_t kTypes = std::variant_size_v<Message>;

Result<Message> decode(Bytes frame) {
  SY_ASSIGN(const auto header,
            decode_header(frame.first(std::min(frame.size(), kFrameHeaderBytes))));
  return decode_body(header, frame.subspan(kFrameHeaderBytes));
}

template <class Check>
void for_each_message(Check&& check) {
  for (std::size_t type = 0; type < kTypes; ++type) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      Random random(seed);
      const Message message = random_message(type, random);
      SCOPED_TRACE(fmt::format("type {} ({}) seed {}", type, name_of(message), seed));
      check(message, random);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// Bytes are compared, not messages: every field is in them, and equal bytes decode to equal fields.
TEST(CodecLaws, WhatIsReadIsWhatWasWritten) {
  for_each_message([](const Message& message, Random&) {
    const auto frame = encode(message);
    const auto read = decode(frame);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->index(), message.index());
    EXPECT_EQ(encode(*read), frame);
  });
}

TEST(CodecLaws, AFrameCutAnywhereIsAnError) {
  for_each_message([](const Message& message, Random&) {
    const auto frame = encode(message);
    for (std::size_t size = 0; size < frame.size(); ++size) {
      const Bytes cut = Bytes(frame).first(size);
      if (size < kFrameHeaderBytes) {
        ASSERT_FALSE(decode_header(cut).has_value());
        continue;
      }
      // Both the length that was promised and an honest one.
      auto header = decode_header(cut.first(kFrameHeaderBytes)).value();
      ASSERT_FALSE(decode_body(header, cut.subspan(kFrameHeaderBytes)).has_value());
      header.body_bytes = size - kFrameHeaderBytes;
      ASSERT_FALSE(decode_body(header, cut.subspan(kFrameHeaderBytes)).has_value());
    }
  });
}

TEST(CodecLaws, BytesBehindTheLastFieldAreAnError) {
  for_each_message([](const Message& message, Random&) {
    auto frame = encode(message);
    frame.push_back(std::byte{0});
    auto header = decode_header(Bytes(frame).first(kFrameHeaderBytes)).value();
    header.body_bytes += 1;
    EXPECT_FALSE(decode_body(header, Bytes(frame).subspan(kFrameHeaderBytes)).has_value());
  });
}

// A damaged frame is refused or means something else; what is accepted is canonical.
TEST(CodecLaws, DamagedFramesAreRefusedOrCanonical) {
  for_each_message([](const Message& message, Random& random) {
    const auto frame = encode(message);
    for (int round = 0; round < 20; ++round) {
      auto damaged = frame;
      damaged[random.next_below(damaged.size())] = static_cast<std::byte>(random.next());
      if (const auto read = decode(damaged)) {
        EXPECT_EQ(encode(*read), damaged);
      }
    }
  });
}

}  // namespace
}  // namespace switchyard::control
