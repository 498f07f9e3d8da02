#include "runtime/base/trace_context.h"

#include <algorithm>
#include <span>

namespace switchyard {
namespace {

constexpr std::size_t kVersionAt = 0;
constexpr std::size_t kTraceIdAt = 3;
constexpr std::size_t kParentIdAt = 36;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kLength = 55;

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

int digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return -1;
}

Result<void> read_hex(std::string_view text, std::size_t at, std::span<std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = digit_of(text[at + 2 * i]);
    const int low = digit_of(text[at + 2 * i + 1]);
    if (high < 0 || low < 0) {
      return fail(ErrorCode::kBadInput, "character {}: expected lower-case hex digits",
                  at + 2 * i + (high < 0 ? 1 : 2));
    }
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return {};
}

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

Result<TraceContext> parse(std::string_view text) {
  if (text.size() < kLength) {
    return fail(ErrorCode::kBadInput, "{} characters; expected {}: 00-TRACE_ID-PARENT_ID-FLAGS",
                text.size(), kLength);
  }
  std::array<std::uint8_t, 1> version{};
  SY_TRY(read_hex(text, kVersionAt, version));
  if (version[0] == 0xff) return fail(ErrorCode::kBadInput, "version ff is not allowed");
  for (const std::size_t at : {kTraceIdAt - 1, kParentIdAt - 1, kFlagsAt - 1}) {
    if (text[at] != '-') return fail(ErrorCode::kBadInput, "character {}: expected '-'", at + 1);
  }
  const bool longer = text.size() > kLength;
  if (longer && (version[0] == 0 || text[kLength] != '-')) {
    return fail(ErrorCode::kBadInput, "{} characters; version {:02x} has {}", text.size(),
                version[0], kLength);
  }
  TraceContext context;
  std::array<std::uint8_t, 1> flags{};
  SY_TRY(read_hex(text, kTraceIdAt, context.trace_id));
  SY_TRY(read_hex(text, kParentIdAt, context.parent_id));
  SY_TRY(read_hex(text, kFlagsAt, flags));
  context.flags = flags[0];
  if (context.empty()) return fail(ErrorCode::kBadInput, "the trace id is all zeros");
  if (all_zero(context.parent_id)) return fail(ErrorCode::kBadInput, "the parent id is all zeros");
  return context;
}

}  // namespace

std::string TraceContext::trace_id_text() const { return empty() ? std::string() : hex(trace_id); }

std::string TraceContext::text() const {
  if (empty()) return {};
  return fmt::format("00-{}-{}-{:02x}", hex(trace_id), hex(parent_id), flags);
}

Result<TraceContext> parse_trace_parent(std::string_view text) {
  auto context = parse(text);
  if (!context) return with_place(std::move(context).error(), "traceparent");
  return context;
}

TraceContext make_trace_context(const std::array<std::uint8_t, 24>& random) {
  TraceContext context;
  std::copy_n(random.begin(), 16, context.trace_id.begin());
  std::copy_n(random.begin() + 16, 8, context.parent_id.begin());
  if (all_zero(context.trace_id)) context.trace_id.back() = 1;
  if (all_zero(context.parent_id)) context.parent_id.back() = 1;
  context.flags = 1;
  return context;
}

}  // namespace switchyard
