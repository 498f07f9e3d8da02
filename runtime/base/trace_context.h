// runtime/base/trace_context.h -- the identity of a request across programs, as the W3C's Trace
// Context writes it: "00-<32 hex: trace id>-<16 hex: parent id>-<2 hex: flags>".
// Not the sending of spans anywhere. Thread safety: plain values; functions without state.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/error.h"

namespace switchyard {

struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};  // all zero: none
  std::array<std::uint8_t, 8> parent_id{};
  std::uint8_t flags = 0;

  [[nodiscard]] bool empty() const noexcept { return trace_id == std::array<std::uint8_t, 16>{}; }
  // 32 lower-case hex digits; empty where there is none.
  [[nodiscard]] std::string trace_id_text() const;
  // Version 00 of the header's value; empty where there is none.
  [[nodiscard]] std::string text() const;
  bool operator==(const TraceContext&) const = default;
};

// Version 00 must end after the flags; of a later version, what follows them is ignored.
// Errors: kBadInput saying what is wrong: length, a dash, a digit, an id of zeros, version ff.
[[nodiscard]] Result<TraceContext> parse_trace_parent(std::string_view text);

// A sampled context out of 24 random bytes; no id comes out as zeros.
[[nodiscard]] TraceContext make_trace_context(const std::array<std::uint8_t, 24>& random);

}  // namespace switchyard
