#include "runtime/moe/wire.h"

#include <cstring>

#include "runtime/base/check.h"

namespace switchyard::moe {
namespace {

constexpr std::size_t kLineBytes = 64;

// Both headers fit the smallest row stride (one cache line).
struct DispatchHeader {
  std::uint32_t magic = kDispatchMagic;
  std::uint32_t version = kWireVersion;
  std::uint32_t epoch = 0;
  std::uint32_t layer = 0;
  std::uint64_t step = 0;
  std::uint32_t micro_batch = 0;
  std::uint32_t row_count = 0;
  std::uint32_t pair_count = 0;
  std::uint32_t hidden = 0;
  std::uint32_t dtype = 0;
  std::uint32_t padding = 0;
};
static_assert(sizeof(DispatchHeader) <= kLineBytes);
static_assert(sizeof(DispatchHeader) % alignof(WirePair) == 0);

struct AnswerHeader {
  std::uint32_t magic = kAnswerMagic;
  std::uint32_t version = kWireVersion;
  std::uint32_t epoch = 0;
  std::uint32_t layer = 0;
  std::uint64_t step = 0;
  std::uint32_t micro_batch = 0;
  std::uint32_t status = 0;
  std::uint32_t refused_expert = 0;
  std::uint32_t pair_count = 0;
};
static_assert(sizeof(AnswerHeader) <= kLineBytes);

std::size_t stride_bytes(std::size_t hidden, DType dtype) noexcept {
  return (hidden * size_bytes(dtype) + kLineBytes - 1) / kLineBytes * kLineBytes;
}

template <class Header>
Result<Header> read_header(Bytes message, std::uint32_t magic, std::string_view what) {
  Header header;
  if (message.size() < sizeof header) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "{} of {} bytes is shorter than its header",
                what, message.size());
  }
  std::memcpy(&header, message.data(), sizeof header);
  if (header.magic != magic || header.version != kWireVersion) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "{} has magic {:#x} version {}; this build speaks {:#x} version {}", what,
                header.magic, header.version, magic, kWireVersion);
  }
  return header;
}

Result<void> check_key(const WireShape& shape, const ExchangeKey& key, std::string_view what) {
  if (key.layer >= shape.layers || key.micro_batch >= shape.micro_batches) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "{} names layer {} and micro-batch {}; there are {} and {}", what, key.layer,
                key.micro_batch, shape.layers, shape.micro_batches);
  }
  return {};
}

Result<void> check_pairs(const WireShape& shape, std::span<const WirePair> pairs,
                         std::size_t row_count) {
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    if (pairs[p].row >= row_count || pairs[p].expert >= shape.experts) {
      return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                  "dispatch pair {} names row {} of {} and expert {} of {}", p, pairs[p].row,
                  row_count, pairs[p].expert, shape.experts);
    }
  }
  return {};
}

}  // namespace

std::size_t WireShape::operand_stride_bytes() const noexcept {
  return stride_bytes(hidden, operand);
}

std::size_t WireShape::answer_stride_bytes() const noexcept { return stride_bytes(hidden, answer); }

std::size_t WireShape::prefix_rows(std::size_t pairs) const noexcept {
  const std::size_t bytes = sizeof(DispatchHeader) + pairs * sizeof(WirePair);
  return (bytes + operand_stride_bytes() - 1) / operand_stride_bytes();
}

std::size_t WireShape::dispatch_bytes(std::size_t rows, std::size_t pairs) const noexcept {
  return (prefix_rows(pairs) + rows) * operand_stride_bytes();
}

std::size_t WireShape::answer_bytes(std::size_t pairs) const noexcept {
  return (1 + pairs) * answer_stride_bytes();
}

void write_dispatch_prefix(const WireShape& shape, const ExchangeKey& key,
                           std::span<const WirePair> pairs, std::size_t row_count,
                           MutableBytes message) {
  SY_CHECK(message.size() == shape.dispatch_bytes(row_count, pairs.size()));
  DispatchHeader header;
  header.epoch = key.epoch.value();
  header.layer = key.layer;
  header.step = key.step;
  header.micro_batch = key.micro_batch;
  header.row_count = static_cast<std::uint32_t>(row_count);
  header.pair_count = static_cast<std::uint32_t>(pairs.size());
  header.hidden = static_cast<std::uint32_t>(shape.hidden);
  header.dtype = static_cast<std::uint32_t>(shape.operand);
  std::memcpy(message.data(), &header, sizeof header);
  if (!pairs.empty()) {
    std::memcpy(message.data() + sizeof header, pairs.data(), pairs.size_bytes());
  }
}

Result<Dispatch> read_dispatch(const WireShape& shape, Bytes message) {
  SY_ASSIGN(const auto header, read_header<DispatchHeader>(message, kDispatchMagic, "dispatch"));
  const ExchangeKey key{Epoch(header.epoch), header.layer, header.micro_batch, header.step};
  SY_TRY(check_key(shape, key, "dispatch"));
  if (header.hidden != shape.hidden || header.dtype != static_cast<std::uint32_t>(shape.operand)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "dispatch rows have {} elements of dtype {}; this rank expects {} of dtype {}",
                header.hidden, header.dtype, shape.hidden, static_cast<int>(shape.operand));
  }
  if (header.row_count > shape.rows_max || header.pair_count > shape.pairs_max ||
      message.size() != shape.dispatch_bytes(header.row_count, header.pair_count)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "dispatch of {} bytes claims {} rows (limit {}) and {} pairs (limit {})",
                message.size(), header.row_count, shape.rows_max, header.pair_count,
                shape.pairs_max);
  }
  const auto* pairs = reinterpret_cast<const WirePair*>(message.data() + sizeof header);
  Dispatch dispatch{key, {pairs, header.pair_count}, header.row_count};
  SY_TRY(check_pairs(shape, dispatch.pairs, dispatch.row_count));
  return dispatch;
}

void write_answer_prefix(const WireShape& shape, const Answer& answer, MutableBytes message) {
  SY_CHECK(message.size() == shape.answer_bytes(answer.pair_count));
  AnswerHeader header;
  header.epoch = answer.key.epoch.value();
  header.layer = answer.key.layer;
  header.step = answer.key.step;
  header.micro_batch = answer.key.micro_batch;
  header.status = static_cast<std::uint32_t>(answer.status);
  header.refused_expert = answer.refused_expert;
  header.pair_count = static_cast<std::uint32_t>(answer.pair_count);
  std::memcpy(message.data(), &header, sizeof header);
}

Result<Answer> read_answer(const WireShape& shape, Bytes message) {
  SY_ASSIGN(const auto header, read_header<AnswerHeader>(message, kAnswerMagic, "answer"));
  const ExchangeKey key{Epoch(header.epoch), header.layer, header.micro_batch, header.step};
  SY_TRY(check_key(shape, key, "answer"));
  if (header.status > static_cast<std::uint32_t>(AnswerStatus::kUnknownExpert)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "answer has unknown status {}", header.status);
  }
  if (header.pair_count > shape.pairs_max ||
      message.size() != shape.answer_bytes(header.pair_count)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "answer of {} bytes claims {} pairs (limit {})", message.size(), header.pair_count,
                shape.pairs_max);
  }
  return Answer{key, static_cast<AnswerStatus>(header.status), header.refused_expert,
                header.pair_count};
}

}  // namespace switchyard::moe
