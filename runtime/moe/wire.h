// runtime/moe/wire.h -- the byte format of an exchange: dispatch and answer messages.
// A message is a head (header, then pairs), then rows. The head takes whole row strides, so that
// rows can be received in place into an arena of rows; where rows travel apart from their head
// (comm/transport.h) it takes whole cache lines. Little-endian, same-architecture peers
// (docs/ARCHITECTURE.md). Not who gets what (dispatch_plan.h) and not the sending (exchange.h).
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "comm/transport.h"
#include "runtime/base/error.h"
#include "runtime/base/ids.h"
#include "runtime/base/view.h"

namespace switchyard::moe {

inline constexpr std::uint32_t kDispatchMagic = 0x44595753;  // "SWYD"
inline constexpr std::uint32_t kAnswerMagic = 0x41595753;    // "SWYA"
inline constexpr std::uint32_t kWireVersion = 1;

// Names one exchange of one router: everything that both sides must agree on.
struct ExchangeKey {
  Epoch epoch;
  std::uint32_t layer = 0;  // MoE layer
  std::uint32_t micro_batch = 0;
  std::uint64_t step = 0;
  bool operator==(const ExchangeKey&) const = default;
};

// One (row, expert) assignment: `row` counts from the first row of the message.
struct WirePair {
  std::uint32_t row = 0;
  std::uint32_t expert = 0;
};

// Lengths of the two parts of a message, or of those of several.
struct MessageBytes {
  std::size_t head = 0;
  std::size_t rows = 0;
  [[nodiscard]] std::size_t sum() const noexcept { return head + rows; }
  [[nodiscard]] MessageBytes times(std::size_t count) const noexcept {
    return {head * count, rows * count};
  }
};

// The sizes that both sides of an exchange share; fixed for a run.
struct WireShape {
  std::size_t hidden = 0;     // d
  std::size_t layers = 0;     // MoE layers
  std::size_t experts = 0;    // E
  std::size_t rows_max = 0;   // rows of one message
  std::size_t pairs_max = 0;  // pairs of one message
  std::size_t micro_batches = 1;
  DType operand = DType::kBf16;  // rows of a dispatch
  DType answer = DType::kBf16;   // rows of an answer
  comm::RowPlace row_place = comm::RowPlace::kBehindHead;

  // Bytes from one row to the next: the row rounded up to a cache line.
  [[nodiscard]] std::size_t operand_stride_bytes() const noexcept;
  [[nodiscard]] std::size_t answer_stride_bytes() const noexcept;
  // The two parts of a dispatch of `pairs` pairs of `rows` rows, and of its answer.
  [[nodiscard]] MessageBytes dispatch_bytes(std::size_t rows, std::size_t pairs) const noexcept;
  [[nodiscard]] MessageBytes answer_bytes(std::size_t pairs) const noexcept;
  // What a message of these parts has on arrival.
  [[nodiscard]] bool arrives_as(MessageBytes parts, std::size_t bytes,
                                std::size_t row_bytes) const noexcept;
};

// A dispatch message as its parts; views into the message.
struct Dispatch {
  ExchangeKey key;
  std::span<const WirePair> pairs;  // message order = answer order
  std::size_t row_count = 0;
};

enum class AnswerStatus : std::uint32_t { kServed, kStaleEpoch, kUnknownExpert };
struct Answer {
  ExchangeKey key;
  AnswerStatus status = AnswerStatus::kServed;
  std::uint32_t refused_expert = 0;  // for kUnknownExpert
  std::size_t pair_count = 0;        // 0 unless served
};

// Writes the head of a dispatch; `head` is as long as dispatch_bytes() says.
void write_dispatch_head(const WireShape& shape, const ExchangeKey& key,
                         std::span<const WirePair> pairs, std::size_t row_count, MutableBytes head);
// Checks everything a hostile or confused peer could get wrong. message: what arrived in host
// memory; row_bytes: what arrived apart. Errors: kPeer with the reason.
[[nodiscard]] Result<Dispatch> read_dispatch(const WireShape& shape, Bytes message,
                                             std::size_t row_bytes = 0);

// The same for an answer.
void write_answer_head(const WireShape& shape, const Answer& answer, MutableBytes head);
[[nodiscard]] Result<Answer> read_answer(const WireShape& shape, Bytes message,
                                         std::size_t row_bytes = 0);

}  // namespace switchyard::moe
