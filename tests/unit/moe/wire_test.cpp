#include "runtime/moe/wire.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace switchyard::moe {
namespace {

WireShape make_shape() {
  WireShape shape;
  shape.hidden = 48;
  shape.layers = 2;
  shape.experts = 8;
  shape.rows_max = 4;
  shape.pairs_max = 8;
  shape.micro_batches = 2;
  return shape;
}

const ExchangeKey kKey{Epoch(3), 1, 1, 99};
const std::vector<WirePair> kPairs{{0, 7}, {2, 1}, {2, 0}};

std::vector<std::byte> make_dispatch(const WireShape& shape, std::span<const WirePair> pairs) {
  const MessageBytes parts = shape.dispatch_bytes(3, pairs.size());
  std::vector<std::byte> message(parts.sum());
  write_dispatch_head(shape, kKey, pairs, 3, std::span(message).first(parts.head));
  return message;
}

std::vector<std::byte> make_dispatch(const WireShape& shape) {
  return make_dispatch(shape, kPairs);
}

void expect_refused(const WireShape& shape, const std::vector<std::byte>& message) {
  const auto read = read_dispatch(shape, message);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kPeer);
}

TEST(Wire, DispatchComesBackAsWritten) {
  const auto shape = make_shape();
  const auto message = make_dispatch(shape);
  const auto read = read_dispatch(shape, message);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->key, kKey);
  EXPECT_EQ(read->row_count, 3U);
  ASSERT_EQ(read->pairs.size(), kPairs.size());
  EXPECT_EQ(read->pairs[1].row, 2U);
  EXPECT_EQ(read->pairs[1].expert, 1U);
}

TEST(Wire, EveryTruncationOfADispatchIsRefused) {
  const auto shape = make_shape();
  const auto whole = make_dispatch(shape);
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    expect_refused(shape, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)});
  }
}

TEST(Wire, RowsAndExpertsOutOfRangeAreRefused) {
  const auto shape = make_shape();
  expect_refused(shape, make_dispatch(shape, std::vector<WirePair>{{3, 0}}));
  expect_refused(shape, make_dispatch(shape, std::vector<WirePair>{{0, 8}}));
}

TEST(Wire, AnotherLayerModelOrVersionIsRefused) {
  const auto shape = make_shape();
  const auto message = make_dispatch(shape);
  auto other = shape;
  other.layers = 1;
  expect_refused(other, message);
  auto spoilt = message;
  spoilt[4] = std::byte{9};  // version
  expect_refused(shape, spoilt);
}

TEST(Wire, AnswerComesBackAsWritten) {
  const auto shape = make_shape();
  const Answer refused{kKey, AnswerStatus::kUnknownExpert, 5, 0};
  std::vector<std::byte> message(shape.answer_bytes(0).head);
  write_answer_head(shape, refused, message);
  const auto read = read_answer(shape, message);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->status, AnswerStatus::kUnknownExpert);
  EXPECT_EQ(read->refused_expert, 5U);
  message.pop_back();
  EXPECT_FALSE(read_answer(shape, message).has_value());
}

// Rows that come apart: the head alone is in host memory, padded to a cache line only.
TEST(Wire, PartsThatComeApartAreReadByBothLengths) {
  auto shape = make_shape();
  shape.row_place = comm::RowPlace::kApart;
  const MessageBytes parts = shape.dispatch_bytes(3, kPairs.size());
  EXPECT_EQ(parts.head, 128U);
  EXPECT_EQ(parts.rows, 3 * shape.operand_stride_bytes());
  std::vector<std::byte> head(parts.head);
  write_dispatch_head(shape, kKey, kPairs, 3, head);
  const auto read = read_dispatch(shape, head, parts.rows);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->pairs.size(), kPairs.size());
  for (const std::size_t row_bytes : {std::size_t{0}, parts.rows - 64, parts.rows + 64}) {
    EXPECT_FALSE(read_dispatch(shape, head, row_bytes).has_value()) << row_bytes;
  }

  const Answer served{kKey, AnswerStatus::kServed, 0, 3};
  std::vector<std::byte> answer(shape.answer_bytes(3).head);
  write_answer_head(shape, served, answer);
  EXPECT_TRUE(read_answer(shape, answer, shape.answer_bytes(3).rows).has_value());
  EXPECT_FALSE(read_answer(shape, answer, shape.answer_bytes(2).rows).has_value());
  // Behind the head is another world's way.
  answer.resize(shape.answer_bytes(3).sum());
  EXPECT_FALSE(read_answer(shape, answer, 0).has_value());
}

}  // namespace
}  // namespace switchyard::moe
