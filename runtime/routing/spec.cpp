#include "runtime/routing/spec.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/routing/limits.h"

namespace switchyard::routing {
namespace {

[[nodiscard]] bool is_word(std::string_view text, char extra) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [extra](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == extra;
  });
}

// Input that goes into a message: bounded, and nothing that could confuse a terminal.
[[nodiscard]] std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 60;
  std::string out(text.substr(0, kShownMax));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.size() > kShownMax ? out + "..." : out;
}

[[nodiscard]] Result<double> read_number(std::string_view key, std::string_view text, Range range) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) {
    return fail(ErrorCode::kUsage, "routing key {}: '{}' is not a number", key, shown(text));
  }
  if (value < range.low || value > range.high) {
    return fail(ErrorCode::kUsage, "routing key {}: {} is outside {}..{}", key, value, range.low,
                range.high);
  }
  return value;
}

[[nodiscard]] Result<std::size_t> read_whole(std::string_view key, std::string_view text,
                                             std::size_t low, std::size_t high) {
  std::size_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) {
    return fail(ErrorCode::kUsage, "routing key {}: '{}' is not a whole number", key, shown(text));
  }
  if (value < low || value > high) {
    return fail(ErrorCode::kUsage, "routing key {}: {} is outside {}..{}", key, value, low, high);
  }
  return value;
}

[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

}  // namespace

Result<Spec> Spec::parse(std::string_view text) {
  if (text.size() > kSpecBytesMax) {
    return fail(ErrorCode::kLimit, "routing spec: {} bytes, at most {}", text.size(),
                kSpecBytesMax);
  }
  const std::size_t colon = text.find(':');
  Spec spec;
  spec.name_ = text.substr(0, colon);
  if (!is_word(spec.name_, '-')) {
    return fail(ErrorCode::kUsage, "routing spec '{}': expected name or name:key=value,key=value",
                shown(text));
  }
  if (colon == std::string_view::npos) return spec;
  for (const std::string_view item : split(text.substr(colon + 1), ',')) {
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos || equals + 1 == item.size() ||
        !is_word(item.substr(0, equals), '_')) {
      return fail(ErrorCode::kUsage, "routing spec '{}': '{}' is not key=value", shown(text),
                  shown(item));
    }
    const std::string_view key = item.substr(0, equals);
    if (spec.has(key)) {
      return fail(ErrorCode::kUsage, "routing spec '{}': key {} is given twice", shown(text),
                  shown(key));
    }
    if (spec.pairs_.size() == kSpecKeysMax) {
      return fail(ErrorCode::kLimit, "routing spec '{}': more than {} keys", shown(text),
                  kSpecKeysMax);
    }
    spec.pairs_.emplace_back(key, item.substr(equals + 1));
  }
  return spec;
}

const std::string* Spec::find(std::string_view key) const noexcept {
  for (const auto& [name, value] : pairs_) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::optional<std::string_view> Spec::text(std::string_view key) const noexcept {
  const std::string* value = find(key);
  return value == nullptr ? std::nullopt : std::optional<std::string_view>(*value);
}

Result<void> Spec::check_keys(std::span<const std::string_view> allowed) const {
  for (const auto& [key, value] : pairs_) {
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      return fail(ErrorCode::kUsage, "routing policy {}: unknown key '{}'; it takes: {}", name_,
                  shown(key), fmt::join(allowed, ", "));
    }
  }
  return {};
}

Result<std::optional<double>> Spec::number(std::string_view key, Range range) const {
  const std::string* value = find(key);
  if (value == nullptr) return std::optional<double>();
  SY_ASSIGN(const double read, read_number(key, *value, range));
  return std::optional<double>(read);
}

Result<std::size_t> Spec::whole(std::string_view key, std::size_t absent, std::size_t low,
                                std::size_t high) const {
  const std::string* value = find(key);
  if (value == nullptr) return absent;
  return read_whole(key, *value, low, high);
}

Result<std::vector<double>> Spec::numbers(std::string_view key, Range range) const {
  std::vector<double> out;
  if (const std::string* value = find(key)) {
    for (const std::string_view part : split(*value, '/')) {
      SY_ASSIGN(const double read, read_number(key, part, range));
      out.push_back(read);
    }
  }
  return out;
}

Result<std::vector<std::size_t>> Spec::wholes(std::string_view key, std::size_t low,
                                              std::size_t high) const {
  std::vector<std::size_t> out;
  if (const std::string* value = find(key)) {
    for (const std::string_view part : split(*value, '/')) {
      SY_ASSIGN(const std::size_t read, read_whole(key, part, low, high));
      out.push_back(read);
    }
  }
  return out;
}

Result<std::size_t> Spec::word(std::string_view key,
                               std::span<const std::string_view> words) const {
  const std::string* value = find(key);
  if (value == nullptr) return 0;
  const auto at = std::find(words.begin(), words.end(), *value);
  if (at == words.end()) {
    return fail(ErrorCode::kUsage, "routing key {}: unknown '{}'; there are: {}", key,
                shown(*value), fmt::join(words, ", "));
  }
  return static_cast<std::size_t>(at - words.begin());
}

SpecText& SpecText::add_list(std::string_view key, std::span<const double> values) {
  return add(key, fmt::format("{}", fmt::join(values, "/")));
}

SpecText& SpecText::add_list(std::string_view key, std::span<const std::size_t> values) {
  return add(key, fmt::format("{}", fmt::join(values, "/")));
}

}  // namespace switchyard::routing
