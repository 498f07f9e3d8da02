// runtime/base/timeline.h -- what one rank did and when, for a trace that people look at: a ring of
// fixed records, made once and written without allocating. A full ring forgets its oldest records
// and counts them. Not the file that comes of it (launcher/timeline) and not the log.
// Where tracing is off there is no Timeline: whoever records asks `if (timeline != nullptr)`.
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/base/clock.h"

namespace switchyard {

enum class SpanKind : std::uint8_t {
  kStep,      // router: one pass over the layers. rows, count: sequences, extra[0]: 1 with a prompt
  kAttend,    // router: a layer up to its dispatch. rows; layer of the transformer
  kDispatch,  // router: plan, encode, send. rows and pairs sent, count: peers; layer of the MoE
  kWait,      // router: until every answer is in; it serves others meanwhile
  kCombine,   // router: sums the answers
  kExchange,  // router: from the plan to the sum. rows, pairs, count: peers, extra[0]: ExchangeEnd
  kLeg,       // router: one peer's share, from the send to its answer. peer, rows, pairs,
              // extra[0]: ExchangeEnd
  kHead,      // router: logits and samples. rows
  kServe,     // expert rank: one batch. rows, pairs, count: jobs
  kExperts,   // expert rank: of the kServe before it: data[i] = expert << 20 | pairs, 0: none
  kJob,  // expert rank: one router's dispatch, from its arrival to its answer. peer, rows, pairs
  kRequest,  // router: data: sequence, prompt tokens, generated tokens, FinishReason, trace id (4)
  kPrepare,  // loads what a view will need
  kView,     // an instant: acts under the view from now on. count: its members
};
inline constexpr std::uint8_t kSpanKinds = 14;

// How an exchange or a leg of it ended.
enum class ExchangeEnd : std::uint32_t { kAnswered, kWithdrawn, kRefused };

// One record, of a cache line. Times are of the clock that the timeline was made with.
struct Span {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  std::uint64_t step = 0;
  std::uint32_t epoch = 0;
  std::uint16_t layer = 0;
  SpanKind kind = SpanKind::kStep;
  std::uint8_t micro_batch = 0;
  std::array<std::uint32_t, 8> data{};  // as the kind says: peer, rows, pairs, count, extra[4]

  [[nodiscard]] std::uint32_t& peer() noexcept { return data[0]; }
  [[nodiscard]] std::uint32_t& rows() noexcept { return data[1]; }
  [[nodiscard]] std::uint32_t& pairs() noexcept { return data[2]; }
  [[nodiscard]] std::uint32_t& count() noexcept { return data[3]; }
  [[nodiscard]] std::uint32_t& extra() noexcept { return data[4]; }
  [[nodiscard]] std::uint32_t peer() const noexcept { return data[0]; }
  [[nodiscard]] std::uint32_t rows() const noexcept { return data[1]; }
  [[nodiscard]] std::uint32_t pairs() const noexcept { return data[2]; }
  [[nodiscard]] std::uint32_t count() const noexcept { return data[3]; }
  [[nodiscard]] std::uint32_t extra() const noexcept { return data[4]; }
};
static_assert(sizeof(Span) == 64);

inline constexpr unsigned kExpertPairBits = 20;  // of a kExperts entry

class Timeline {
 public:
  // spans_max: at least 1. The clock outlives the timeline. All memory is touched here.
  Timeline(std::size_t spans_max, const Clock& clock) : clock_(clock), ring_(spans_max) {}

  [[nodiscard]] TimePoint now() const noexcept { return clock_.now(); }
  void add(Span span, TimePoint begin, TimePoint end) noexcept {
    span.begin_ns = begin.time_since_epoch().count();
    span.end_ns = end.time_since_epoch().count();
    ring_[next_] = span;
    if (++next_ == ring_.size()) next_ = 0;
    ++written_;
  }

  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return written_ > ring_.size() ? written_ - ring_.size() : 0;
  }
  // What the ring has, oldest first.
  [[nodiscard]] std::vector<Span> spans() const {
    const auto middle = ring_.begin() + static_cast<std::ptrdiff_t>(next_);
    std::vector<Span> all;
    if (written_ >= ring_.size()) all.assign(middle, ring_.end());
    all.insert(all.end(), ring_.begin(), middle);
    return all;
  }

 private:
  const Clock& clock_;
  std::vector<Span> ring_;
  std::size_t next_ = 0;
  std::uint64_t written_ = 0;
};

// The time, where there is a timeline to note it in.
[[nodiscard]] inline TimePoint span_start(const Timeline* timeline) noexcept {
  return timeline != nullptr ? timeline->now() : TimePoint{};
}

}  // namespace switchyard
