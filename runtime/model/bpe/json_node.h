// runtime/model/bpe/json_node.h -- a JSON value that knows its place
// ("tokenizer.json:model.vocab"), so that every complaint names file and key. Wraps nlohmann::json
// without its exceptions. Not an owner: the document outlives its nodes. Thread safety: shared
// const objects: safe.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"

namespace switchyard::model::bpe {

// Errors: kBadInput with place, line and column.
[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view text, std::string_view place);

class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, std::string place)
      : value_(&value), place_(std::move(place)) {}

  [[nodiscard]] const nlohmann::json& value() const noexcept { return *value_; }
  [[nodiscard]] const std::string& place() const noexcept { return place_; }

  // The member `key`; nothing where it is absent or null. Check failure if this is no object.
  [[nodiscard]] std::optional<JsonNode> find(std::string_view key) const;
  // Errors of the following: kBadInput naming the place and what was expected.
  [[nodiscard]] Result<JsonNode> at(std::string_view key) const;
  [[nodiscard]] Result<void> expect_object() const;
  [[nodiscard]] Result<void> expect_array() const;
  [[nodiscard]] Result<std::string_view> as_string() const;
  [[nodiscard]] Result<bool> as_bool() const;
  [[nodiscard]] Result<std::uint32_t> as_id(std::uint32_t max) const;
  // The bool member `key`, or `absent` where there is none.
  [[nodiscard]] Result<bool> bool_or(std::string_view key, bool absent) const;
  // Errors: kUnsupported where the member `key` is there, not null and not `neutral`.
  [[nodiscard]] Result<void> allow_only(std::string_view key, const nlohmann::json& neutral) const;
  // Element `i` of an array.
  [[nodiscard]] JsonNode element(std::size_t i) const;

  [[nodiscard]] Unexpected expected(std::string_view what) const;
  [[nodiscard]] Unexpected unsupported(std::string_view what) const;

 private:
  const nlohmann::json* value_;
  std::string place_;
};

}  // namespace switchyard::model::bpe
