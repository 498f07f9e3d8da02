#include "runtime/model/bpe/json_node.h"

#include "runtime/base/check.h"
#include "runtime/base/json_text.h"

namespace switchyard::model::bpe {
namespace {

// A value for a message: short, and safe to print whatever it holds.
std::string shown(const nlohmann::json& value) {
  constexpr std::size_t kShownMax = 60;
  if (value.is_structured()) return fmt::format("{} of {}", value.type_name(), value.size());
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kShownMax) text = text.substr(0, kShownMax) + "...";
  return text;
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, std::string_view place) {
  return parse_json_text<nlohmann::json>(text, place);
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  SY_CHECK(value_->is_object(), "{}", place_);
  const auto member = value_->find(key);
  if (member == value_->end() || member->is_null()) return std::nullopt;
  return JsonNode(*member, fmt::format("{}.{}", place_, key));
}

Result<JsonNode> JsonNode::at(std::string_view key) const {
  SY_TRY(expect_object());
  if (auto node = find(key)) return *std::move(node);
  return fail(ErrorCode::kBadInput, "{}.{}: missing", place_, key);
}

Result<void> JsonNode::expect_object() const {
  if (!value_->is_object()) return expected("an object");
  return {};
}

Result<void> JsonNode::expect_array() const {
  if (!value_->is_array()) return expected("an array");
  return {};
}

Result<std::string_view> JsonNode::as_string() const {
  const auto* text = value_->get_ptr<const std::string*>();
  if (text == nullptr) return expected("a string");
  return std::string_view(*text);
}

Result<bool> JsonNode::as_bool() const {
  const auto* flag = value_->get_ptr<const bool*>();
  if (flag == nullptr) return expected("true or false");
  return *flag;
}

Result<std::uint32_t> JsonNode::as_id(std::uint32_t max) const {
  const auto* number = value_->get_ptr<const std::uint64_t*>();
  if (number == nullptr) return expected("an id, a whole number from 0 on");
  if (*number > max) {
    return fail(ErrorCode::kLimit, "{}: id {} is above the limit {}", place_, *number, max);
  }
  return static_cast<std::uint32_t>(*number);
}

Result<bool> JsonNode::bool_or(std::string_view key, bool absent) const {
  const auto node = find(key);
  return node ? node->as_bool() : Result<bool>(absent);
}

Result<void> JsonNode::allow_only(std::string_view key, const nlohmann::json& neutral) const {
  const auto member = find(key);
  if (!member || member->value() == neutral) return {};
  return member->unsupported(neutral.is_null() ? "only null is" : "only " + neutral.dump() + " is");
}

JsonNode JsonNode::element(std::size_t i) const {
  SY_CHECK(value_->is_array() && i < value_->size(), "{}: element {}", place_, i);
  return {(*value_)[i], fmt::format("{}[{}]", place_, i)};
}

Unexpected JsonNode::expected(std::string_view what) const {
  return fail(ErrorCode::kBadInput, "{}: expected {}, found {}", place_, what, shown(*value_));
}

Unexpected JsonNode::unsupported(std::string_view what) const {
  return fail(ErrorCode::kUnsupported, "{}: {} is not supported ({})", place_, shown(*value_),
              what);
}

}  // namespace switchyard::model::bpe
