#include "runtime/model/checkpoint/json_fields.h"

#include <cmath>
#include <optional>
#include <unordered_set>

#include "runtime/base/json_text.h"

namespace switchyard::model {
namespace {

using nlohmann::json;

constexpr std::size_t kQuotedMax = 120;

// Nesting is measured before parsing, so that no parser or destructor ever recurses too deep.
// Brackets inside strings do not count. Malformed text is left to the parser.
bool deeper_than(std::string_view text, std::size_t depth_max) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// nlohmann-json keeps the last of two equal keys in silence; the callback notes them.
Result<json> parse_unique(std::string_view text, std::string_view place) {
  std::optional<std::string> duplicate;
  std::vector<std::unordered_set<std::string>> keys;
  const auto watch = [&keys, &duplicate](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second && !duplicate) duplicate = quote_name(key);
    }
    return true;
  };
  SY_ASSIGN(json root, parse_json_text<json>(text, place, watch));
  if (duplicate) {
    return fail(ErrorCode::kBadInput, "{}: key {} appears twice", place, *duplicate);
  }
  return root;
}

std::optional<std::size_t> as_count(const json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<std::size_t>();
}

}  // namespace

Result<json> parse_json_object(std::string_view text, std::string_view place,
                               const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::kLimit, "{}: {} bytes of JSON; at most {} are read", place, text.size(),
                limits.bytes_max);
  }
  if (deeper_than(text, limits.depth_max)) {
    return fail(ErrorCode::kLimit, "{}: JSON nested deeper than {} levels", place,
                limits.depth_max);
  }
  SY_ASSIGN(json root, parse_unique(text, place));
  if (!root.is_object()) {
    return fail(ErrorCode::kBadInput, "{}: expected a JSON object, got {}", place,
                root.type_name());
  }
  return root;
}

std::string quote_name(std::string_view name) {
  const bool cut = name.size() > kQuotedMax;
  const json text = std::string(name.substr(0, kQuotedMax));
  return text.dump(-1, ' ', true, json::error_handler_t::replace) + (cut ? "..." : "");
}

JsonFields::JsonFields(const json& object, std::string place, std::string prefix)
    : object_(&object), place_(std::move(place)), prefix_(std::move(prefix)) {
  SY_CHECK(object.is_object(), "{}: not an object", place_);
}

const json* JsonFields::find(const char* key) const {
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

Unexpected JsonFields::problem(ErrorCode code, const char* key, std::string_view text) const {
  return fail(code, "{}: {}{}: {}", place_, prefix_, key, text);
}

Unexpected JsonFields::wrong_type(const char* key, std::string_view expected,
                                  const json& got) const {
  const std::string shown = got.dump(-1, ' ', true, json::error_handler_t::replace);
  return problem(ErrorCode::kBadInput, key,
                 fmt::format("expected {}, got {} {}", expected, got.type_name(),
                             shown.size() <= kQuotedMax ? shown : shown.substr(0, kQuotedMax)));
}

Result<std::size_t> JsonFields::count(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return problem(ErrorCode::kBadInput, key, "missing");
  const auto number = as_count(*value);
  if (!number) return wrong_type(key, "a whole number", *value);
  return *number;
}

Result<std::string> JsonFields::text(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return problem(ErrorCode::kBadInput, key, "missing");
  if (!value->is_string()) return wrong_type(key, "a string", *value);
  return value->get<std::string>();
}

Result<std::size_t> JsonFields::count_or(const char* key, std::size_t otherwise) const {
  if (!has(key)) return otherwise;
  return count(key);
}

Result<double> JsonFields::number_or(const char* key, double otherwise) const {
  const json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_number()) return wrong_type(key, "a number", *value);
  const auto number = value->get<double>();
  if (!std::isfinite(number)) return wrong_type(key, "a finite number", *value);
  return number;
}

Result<bool> JsonFields::flag_or(const char* key, bool otherwise) const {
  const json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) return wrong_type(key, "true or false", *value);
  return value->get<bool>();
}

Result<std::string> JsonFields::text_or(const char* key, std::string_view otherwise) const {
  if (!has(key)) return std::string(otherwise);
  return text(key);
}

Result<std::vector<std::size_t>> JsonFields::counts(const char* key) const {
  std::vector<std::size_t> numbers;
  const json* value = find(key);
  if (value == nullptr) return numbers;
  constexpr std::string_view kExpected = "a whole number or a list of them";
  if (const auto single = as_count(*value)) return std::vector{*single};
  if (!value->is_array()) return wrong_type(key, kExpected, *value);
  for (const json& element : *value) {
    const auto number = as_count(element);
    if (!number) return wrong_type(key, kExpected, *value);
    numbers.push_back(*number);
  }
  return numbers;
}

Result<std::vector<std::string>> JsonFields::texts(const char* key) const {
  std::vector<std::string> strings;
  const json* value = find(key);
  if (value == nullptr) return strings;
  if (!value->is_array()) return wrong_type(key, "a list of strings", *value);
  for (const json& element : *value) {
    if (!element.is_string()) return wrong_type(key, "a list of strings", *value);
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

Result<std::optional<JsonFields>> JsonFields::object(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return std::optional<JsonFields>();
  if (!value->is_object()) return wrong_type(key, "an object", *value);
  return std::optional<JsonFields>(JsonFields(*value, place_, fmt::format("{}{}.", prefix_, key)));
}

}  // namespace switchyard::model
