#include "runtime/base/log_lines.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "runtime/base/utf8.h"

namespace switchyard {
namespace {

// Not in any text that passes json_escaped or is_plain.
constexpr char kMark = '\x1e';
constexpr char kGap = '\x1f';

struct Line {
  std::string_view event = "message";  // of lines that are no events
  std::string_view epoch;
  std::string_view request;
  std::string_view trace_id;
  std::string_view text;
};

Line take_apart(std::string_view payload) {
  Line line;
  if (payload.empty() || payload.front() != kMark) {
    line.text = payload;
    return line;
  }
  payload.remove_prefix(1);
  for (std::string_view* part : {&line.event, &line.epoch, &line.request, &line.trace_id}) {
    const std::size_t end = payload.find(kGap);
    *part = payload.substr(0, end);
    payload.remove_prefix(end == std::string_view::npos ? payload.size() : end + 1);
  }
  line.text = payload;
  return line;
}

enum class Quotes { kEscape, kKeep };

std::string escaped(char letter, Quotes quotes) {
  if (quotes == Quotes::kKeep && (letter == '"' || letter == '\\')) return {letter};
  switch (letter) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  const auto code = static_cast<unsigned char>(letter);
  if (code < 0x20 || code == 0x7f) return fmt::format("\\u{:04x}", code);
  return std::string(1, letter);
}

std::string clean(std::string_view text, Quotes quotes) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = valid_sequence_bytes(text, 0);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (length == 1) {
      out += escaped(text.front(), quotes);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string json_line(RankId rank, const spdlog::details::log_msg& message, const Line& line) {
  const auto level = spdlog::level::to_string_view(message.level);
  std::string out =
      fmt::format(R"({{"ts":"{}","level":"{}","component":"rank","rank":{},"event":"{}")",
                  utc_text(message.time), std::string_view(level.data(), level.size()),
                  rank.value(), json_escaped(line.event));
  if (!line.epoch.empty()) out += fmt::format(R"(,"epoch":{})", line.epoch);
  if (!line.request.empty()) out += fmt::format(R"(,"request":{})", line.request);
  if (!line.trace_id.empty()) out += fmt::format(R"(,"trace_id":"{}")", line.trace_id);
  return out + fmt::format(R"(,"msg":"{}"}})", json_escaped(line.text));
}

std::string text_line(RankId rank, const spdlog::details::log_msg& message, const Line& line) {
  const auto level = spdlog::level::to_string_view(message.level);
  const auto time = utc_text(message.time);
  std::string out = fmt::format("[{}] [rank {}] [{}] ", std::string_view(time).substr(11, 12),
                                rank.value(), std::string_view(level.data(), level.size()));
  if (line.event != "message") out += fmt::format("{}: ", line.event);
  out += clean(line.text, Quotes::kKeep);
  std::string about;
  const auto add = [&about](const char* name, std::string_view value) {
    if (!value.empty()) about += fmt::format("{}{} {}", about.empty() ? "" : ", ", name, value);
  };
  add("epoch", line.epoch);
  add("request", line.request);
  add("trace", line.trace_id);
  return about.empty() ? out : fmt::format("{} ({})", out, about);
}

class LineFormatter final : public spdlog::formatter {
 public:
  LineFormatter(RankId rank, LogFormat format) : rank_(rank), format_(format) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& into) override {
    const Line line = take_apart(std::string_view(message.payload.data(), message.payload.size()));
    const std::string text = format_ == LogFormat::kJson ? json_line(rank_, message, line)
                                                         : text_line(rank_, message, line);
    into.append(text.data(), text.data() + text.size());
    into.push_back('\n');
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(rank_, format_);
  }

 private:
  RankId rank_;
  LogFormat format_;
};

}  // namespace

std::string pack_event(std::string_view event, std::string_view text, const LogAbout& about) {
  return fmt::format("{}{}{}{}{}{}{}{}{}{}", kMark, event, kGap,
                     about.epoch == Epoch() ? std::string() : fmt::to_string(about.epoch.value()),
                     kGap, about.request ? fmt::to_string(*about.request) : std::string(), kGap,
                     about.trace_id, kGap, text);
}

std::unique_ptr<spdlog::formatter> make_line_formatter(RankId rank, LogFormat format) {
  return std::make_unique<LineFormatter>(rank, format);
}

std::string json_escaped(std::string_view text) { return clean(text, Quotes::kEscape); }

std::string printable(std::string_view text) { return clean(text, Quotes::kKeep); }

std::string utc_text(std::chrono::system_clock::time_point at) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch());
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:06}Z", std::string_view(text.data(), size), us.count() % 1'000'000);
}

}  // namespace switchyard
