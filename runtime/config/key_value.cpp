// The text side of key_table.h: names, lists, and values to and from text.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "runtime/config/key_table.h"

namespace switchyard::config {
namespace {

std::string join(std::span<const std::string_view> words, std::string_view between) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

Unexpected refuse(const Key& key, std::string_view text, ErrorCode code) {
  return fail(code, "{} is {}, expected {}", key.full_name(), show_text(text), allowed_text(key));
}

// All of `text` as a number without sign, base prefix or spaces; false when it is anything else.
template <class Number>
bool read_number(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end;
}

bool in_range(const Key& key, double value) {
  return std::isfinite(value) && value >= key.min && value <= key.max;
}

}  // namespace

std::string Key::full_name() const { return fmt::format("{}.{}", section, name); }

std::string Key::environment_name() const {
  std::string text = fmt::format("SWITCHYARD_{}_{}", section, name);
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

const Key* find_key(std::string_view full_name) {
  for (const Key& key : all_keys()) {
    if (full_name.size() == key.section.size() + 1 + key.name.size() &&
        full_name.starts_with(key.section) && full_name[key.section.size()] == '.' &&
        full_name.ends_with(key.name)) {
      return &key;
    }
  }
  return nullptr;
}

bool is_section(std::string_view name) {
  return std::ranges::any_of(all_keys(), [&](const Key& key) { return key.section == name; });
}

std::string section_list() {
  std::vector<std::string_view> names;
  for (const Key& key : all_keys()) {
    if (names.empty() || names.back() != key.section) names.push_back(key.section);
  }
  return join(names, ", ");
}

std::string key_list(std::string_view section) {
  std::vector<std::string_view> names;
  for (const Key& key : all_keys()) {
    if (key.section == section) names.push_back(key.name);
  }
  return join(names, ", ");
}

std::string allowed_text(const Key& key) {
  switch (key.type) {
    case KeyType::kText: return "text";
    case KeyType::kPath: return "a path";
    case KeyType::kChoice: return join(key.choices, " | ");
    case KeyType::kCount: return fmt::format("an integer {:.0f}..{:.0f}", key.min, key.max);
    case KeyType::kReal: return fmt::format("a number {}..{}", key.min, key.max);
    case KeyType::kSwitch: return "true | false";
  }
  return {};
}

Result<void> set_value(RunConfig& config, const Key& key, std::string_view text, ErrorCode code) {
  switch (key.type) {
    case KeyType::kText:
    case KeyType::kPath:
      if (text.find('\0') != std::string_view::npos) return refuse(key, text, code);
      std::get<0>(key.field)(config) = text;
      return {};
    case KeyType::kChoice:
      if (std::ranges::find(key.choices, text) == key.choices.end()) {
        return refuse(key, text, code);
      }
      std::get<0>(key.field)(config) = text;
      return {};
    case KeyType::kCount: {
      std::uint64_t number = 0;
      if (!read_number(text, number) || !in_range(key, static_cast<double>(number))) {
        return refuse(key, text, code);
      }
      std::get<1>(key.field)(config) = number;
      return {};
    }
    case KeyType::kReal: {
      double number = 0;
      if (!read_number(text, number) || !in_range(key, number)) return refuse(key, text, code);
      std::get<2>(key.field)(config) = number;
      return {};
    }
    case KeyType::kSwitch:
      if (text != "true" && text != "false") return refuse(key, text, code);
      std::get<3>(key.field)(config) = text == "true";
      return {};
  }
  return {};
}

std::string value_text(const RunConfig& config, const Key& key) {
  RunConfig copy = config;  // the accessors serve writing too, so they want an object of their own
  return std::visit([&](auto access) { return fmt::format("{}", access(copy)); }, key.field);
}

std::string show_text(std::string_view text) {
  constexpr std::size_t kShownMax = 60;
  std::string shown = "'";
  for (const char c : text.substr(0, kShownMax)) {
    shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  shown += text.size() > kShownMax ? "...'" : "'";
  return shown;
}

std::string nearest(std::string_view name, std::span<const std::string> candidates,
                    std::size_t edits_max) {
  std::string best;
  std::size_t best_edits = edits_max + 1;
  for (const std::string& candidate : candidates) {
    // One row of the edit distance matrix at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t swapped = diagonal + (name[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({swapped, row[j] + 1, row[j + 1] + 1});
      }
    }
    if (row.back() < best_edits) {
      best_edits = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace switchyard::config
