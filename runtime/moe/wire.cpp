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

std::size_t round_up(std::size_t bytes, std::size_t unit) noexcept {
  return (bytes + unit - 1) / unit * unit;
}

std::size_t stride_bytes(std::size_t hidden, DType dtype) noexcept {
  return round_up(hidden * size_bytes(dtype), kLineBytes);
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

MessageBytes WireShape::dispatch_bytes(std::size_t rows, std::size_t pairs) const noexcept {
  const std::size_t stride = operand_stride_bytes();
  const std::size_t head = sizeof(DispatchHeader) + pairs * sizeof(WirePair);
  return {round_up(head, row_place == comm::RowPlace::kApart ? kLineBytes : stride), rows * stride};
}

MessageBytes WireShape::answer_bytes(std::size_t pairs) const noexcept {
  const std::size_t stride = answer_stride_bytes();
  return {row_place == comm::RowPlace::kApart ? kLineBytes : stride, pairs * stride};
}

bool WireShape::arrives_as(MessageBytes parts, std::size_t bytes,
                           std::size_t row_bytes) const noexcept {
  if (row_place == comm::RowPlace::kApart) return bytes == parts.head && row_bytes == parts.rows;
  return bytes == parts.sum() && row_bytes == 0;
}

void write_dispatch_head(const WireShape& shape, const ExchangeKey& key,
                         std::span<const WirePair> pairs, std::size_t row_count,
                         MutableBytes head) {
  SY_CHECK(head.size() == shape.dispatch_bytes(row_count, pairs.size()).head);
  DispatchHeader header;
  header.epoch = key.epoch.value();
  header.layer = key.layer;
  header.step = key.step;
  header.micro_batch = key.micro_batch;
  header.row_count = static_cast<std::uint32_t>(row_count);
  header.pair_count = static_cast<std::uint32_t>(pairs.size());
  header.hidden = static_cast<std::uint32_t>(shape.hidden);
  header.dtype = static_cast<std::uint32_t>(shape.operand);
  std::memcpy(head.data(), &header, sizeof header);
  if (!pairs.empty()) {
    std::memcpy(head.data() + sizeof header, pairs.data(), pairs.size_bytes());
  }
}

Result<Dispatch> read_dispatch(const WireShape& shape, Bytes message, std::size_t row_bytes) {
  SY_ASSIGN(const auto header, read_header<DispatchHeader>(message, kDispatchMagic, "dispatch"));
  const ExchangeKey key{Epoch(header.epoch), header.layer, header.micro_batch, header.step};
  SY_TRY(check_key(shape, key, "dispatch"));
  if (header.hidden != shape.hidden || header.dtype != static_cast<std::uint32_t>(shape.operand)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "dispatch rows have {} elements of dtype {}; this rank expects {} of dtype {}",
                header.hidden, header.dtype, shape.hidden, static_cast<int>(shape.operand));
  }
  if (header.row_count > shape.rows_max || header.pair_count > shape.pairs_max ||
      !shape.arrives_as(shape.dispatch_bytes(header.row_count, header.pair_count), message.size(),
                        row_bytes)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "dispatch of {} bytes claims {} rows (limit {}) and {} pairs (limit {})",
                message.size() + row_bytes, header.row_count, shape.rows_max, header.pair_count,
                shape.pairs_max);
  }
  const auto* pairs = reinterpret_cast<const WirePair*>(message.data() + sizeof header);
  Dispatch dispatch{key, {pairs, header.pair_count}, header.row_count};
  SY_TRY(check_pairs(shape, dispatch.pairs, dispatch.row_count));
  return dispatch;
}

void write_answer_head(const WireShape& shape, const Answer& answer, MutableBytes head) {
  SY_CHECK(head.size() == shape.answer_bytes(answer.pair_count).head);
  AnswerHeader header;
  header.epoch = answer.key.epoch.value();
  header.layer = answer.key.layer;
  header.step = answer.key.step;
  header.micro_batch = answer.key.micro_batch;
  header.status = static_cast<std::uint32_t>(answer.status);
  header.refused_expert = answer.refused_expert;
  header.pair_count = static_cast<std::uint32_t>(answer.pair_count);
  std::memcpy(head.data(), &header, sizeof header);
}

Result<Answer> read_answer(const WireShape& shape, Bytes message, std::size_t row_bytes) {
  SY_ASSIGN(const auto header, read_header<AnswerHeader>(message, kAnswerMagic, "answer"));
  const ExchangeKey key{Epoch(header.epoch), header.layer, header.micro_batch, header.step};
  SY_TRY(check_key(shape, key, "answer"));
  if (header.status > static_cast<std::uint32_t>(AnswerStatus::kUnknownExpert)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "answer has unknown status {}", header.status);
  }
  if (header.pair_count > shape.pairs_max ||
      !shape.arrives_as(shape.answer_bytes(header.pair_count), message.size(), row_bytes)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "answer of {} bytes claims {} pairs (limit {})", message.size() + row_bytes,
                header.pair_count, shape.pairs_max);
  }
  return Answer{key, static_cast<AnswerStatus>(header.status), header.refused_expert,
                header.pair_count};
}

}  // namespace switchyard::moe
