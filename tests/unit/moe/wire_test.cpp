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

std::vector<std::byte> make_dispatch(const WireShape& shape) {
  std::vector<std::byte> message(shape.dispatch_bytes(3, kPairs.size()));
  write_dispatch_prefix(shape, kKey, kPairs, 3, message);
  return message;
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
  std::vector<std::byte> message(shape.dispatch_bytes(3, 1));
  write_dispatch_prefix(shape, kKey, std::vector<WirePair>{{3, 0}}, 3, message);
  expect_refused(shape, message);
  write_dispatch_prefix(shape, kKey, std::vector<WirePair>{{0, 8}}, 3, message);
  expect_refused(shape, message);
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
  std::vector<std::byte> message(shape.answer_bytes(0));
  write_answer_prefix(shape, refused, message);
  const auto read = read_answer(shape, message);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->status, AnswerStatus::kUnknownExpert);
  EXPECT_EQ(read->refused_expert, 5U);
  message.pop_back();
  EXPECT_FALSE(read_answer(shape, message).has_value());
}

}  // namespace
}  // namespace switchyard::moe
