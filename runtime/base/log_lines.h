// runtime/base/log_lines.h -- how a line of the log looks, for people and as JSON. Bytes that could
// break a line out of its frame (control characters, what is no UTF-8) are escaped or replaced.
// Thread safety: functions without state; the formatter is its sink's.
#pragma once

#include <spdlog/formatter.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/log.h"

namespace switchyard {

// Carries an event through the logger to the formatter, which takes it apart again.
[[nodiscard]] std::string pack_event(std::string_view event, std::string_view text,
                                     const LogAbout& about);

[[nodiscard]] std::unique_ptr<spdlog::formatter> make_line_formatter(RankId rank, LogFormat format);

// The inside of a JSON string: quotes, backslashes and control characters escaped; bytes that are
// no UTF-8 replaced by U+FFFD.
[[nodiscard]] std::string json_escaped(std::string_view text);

// For a terminal: the same, but quotes and backslashes stay.
[[nodiscard]] std::string printable(std::string_view text);

// "2026-11-26T12:00:00.123456Z".
[[nodiscard]] std::string utc_text(std::chrono::system_clock::time_point at);

}  // namespace switchyard
