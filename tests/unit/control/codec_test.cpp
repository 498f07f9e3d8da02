#include "runtime/control/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "runtime/control/codec/byte_writer.h"

namespace switchyard::control {
namespace {

using ::testing::HasSubstr;

std::vector<std::byte> header(std::uint32_t magic, std::uint8_t version, std::uint8_t type,
                              std::uint32_t body_bytes) {
  std::vector<std::byte> out;
  ByteWriter io(out);
  io("magic", magic);
  io("version", version);
  io("type", type);
  io("zero", std::uint16_t{0});
  io("body_bytes", body_bytes);
  return out;
}

std::uint8_t type_of(const Message& message) { return static_cast<std::uint8_t>(message.index()); }

Error body_error(const Message& message, const std::vector<std::byte>& body) {
  const auto read = decode_body({type_of(message), body.size()}, body);
  EXPECT_FALSE(read.has_value());
  return read ? Error{} : read.error();
}

TEST(Codec, AFrameIsTwelveBytesAndTheBody) {
  const auto frame = encode(Retire{Epoch(7)});
  ASSERT_EQ(frame.size(), kFrameHeaderBytes + 4);
  const auto read = decode_header(Bytes(frame).first(kFrameHeaderBytes)).value();
  EXPECT_EQ(read.body_bytes, 4u);
  EXPECT_EQ(name_of_type(read.type), "retire");
  EXPECT_EQ(encode(Drain{}).size(), kFrameHeaderBytes);
}

TEST(Codec, ForeignHeadersAreRefused) {
  constexpr auto kSpoken = kProtocolVersion;
  EXPECT_TRUE(decode_header(header(kFrameMagic, kSpoken, 0, 0)).has_value());
  EXPECT_EQ(decode_header(header(kFrameMagic + 1, kSpoken, 0, 0)).error().code, ErrorCode::kPeer);
  EXPECT_EQ(decode_header(header(kFrameMagic, kSpoken + 1, 0, 0)).error().code, ErrorCode::kPeer);
  EXPECT_EQ(decode_header(header(kFrameMagic, kSpoken, 200, 0)).error().code, ErrorCode::kPeer);
  const auto large = static_cast<std::uint32_t>(kFrameBodyBytesMax + 1);
  EXPECT_EQ(decode_header(header(kFrameMagic, kSpoken, 0, large)).error().code, ErrorCode::kLimit);
}

TEST(Codec, ACountThatTheBodyCannotHoldIsRefusedBeforeAnythingIsAllocated) {
  std::vector<std::byte> body;
  ByteWriter io(body);
  io("id", RequestId(1));
  io("attempt", std::uint32_t{1});
  io("first", std::uint32_t{0});
  io("tokens", std::uint32_t{1} << 23);  // 32 MiB of tokens in no bytes
  EXPECT_THAT(body_error(Progress{}, body).message, HasSubstr("progress: field 'tokens'"));
}

TEST(Codec, UnknownChoicesAreRefused) {
  EXPECT_THAT(body_error(Cancel{}, {std::byte{1}, {}, {}, {}, std::byte{2}}).message,
              HasSubstr("field 'how'"));
}

TEST(Codec, NumbersThatAreNoneAreSentAsZeroAndRefusedFromOthers) {
  LoadReport report;
  report.seconds = std::numeric_limits<double>::quiet_NaN();
  report.busy_share = std::numeric_limits<double>::infinity();
  auto frame = encode(report);
  const auto frame_header = decode_header(Bytes(frame).first(kFrameHeaderBytes)).value();
  const auto read = decode_body(frame_header, Bytes(frame).subspan(kFrameHeaderBytes)).value();
  EXPECT_EQ(std::get<LoadReport>(read).seconds, 0);
  frame[kFrameHeaderBytes + 6] = std::byte{0xF0};  // seconds becomes an infinity
  frame[kFrameHeaderBytes + 7] = std::byte{0x7F};
  EXPECT_FALSE(decode_body(frame_header, Bytes(frame).subspan(kFrameHeaderBytes)).has_value());
}

// A region, an error with a path of another age: it would end in JSON, which has no such bytes.
TEST(Codec, TextThatIsNoUtf8IsSentRepairedAndRefusedFromOthers) {
  auto frame = encode(Prepared{Epoch(1), "/data/mod\xe8le: no such file"});
  const auto frame_header = decode_header(Bytes(frame).first(kFrameHeaderBytes)).value();
  const auto read = decode_body(frame_header, Bytes(frame).subspan(kFrameHeaderBytes)).value();
  EXPECT_EQ(std::get<Prepared>(read).error, "/data/mod\xEF\xBF\xBDle: no such file");
  frame.back() = std::byte{0xE8};
  EXPECT_THAT(body_error(Prepared{}, {frame.begin() + kFrameHeaderBytes, frame.end()}).message,
              HasSubstr("prepared: field 'error' is not UTF-8 from byte 27 on"));
}

TEST(Codec, APrepareWithoutAViewIsRefused) {
  EXPECT_THAT(body_error(Prepare{}, {std::byte{0}}).message, HasSubstr("field 'view' is missing"));
  EXPECT_TRUE(decode_body({type_of(Welcome{}), 9}, std::vector<std::byte>(9)).has_value());
}

// Views are refused where a placement or a member list contradicts itself.
TEST(Codec, AViewThatContradictsItselfIsRefused) {
  std::vector<std::byte> start;
  ByteWriter io(start);
  io("view", true);
  io("view.epoch", Epoch(1));
  io("view.members", std::uint32_t{0});
  auto huge = start;
  ByteWriter{huge}("layers", std::uint32_t{1024});
  ByteWriter{huge}("experts", std::uint32_t{4096});
  ByteWriter{huge}("replicas", std::uint32_t{0});
  EXPECT_THAT(body_error(Commit{}, huge).message, HasSubstr("'view.experts'"));
  auto twice = start;
  ByteWriter{twice}("layers", std::uint32_t{1});
  ByteWriter{twice}("experts", std::uint32_t{1});
  ByteWriter{twice}("replicas", std::uint32_t{2});
  for (std::uint32_t value : {3u, 0u, 3u, 1u}) ByteWriter{twice}("replica", value);
  EXPECT_THAT(body_error(Commit{}, twice).message, HasSubstr("twice on rank 3"));
}

TEST(Codec, AMaskedExpertSurvives) {
  auto view = std::make_shared<placement::View>();
  view->placement =
      placement::Placement::create(1, 2, {{{RankId(3), SlotId(0)}}, {}}, placement::Gaps::kMasked)
          .value();
  const auto frame = encode(Commit{view});
  const auto read = decode_body({type_of(Commit{}), frame.size() - kFrameHeaderBytes},
                                Bytes(frame).subspan(kFrameHeaderBytes));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(std::get<Commit>(*read).view->placement.masked_count(), 1u);
}

}  // namespace
}  // namespace switchyard::control
