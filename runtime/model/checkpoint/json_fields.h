// runtime/model/checkpoint/json_fields.h -- strict JSON: bounded parsing and typed access by key.
// Every error names the place (a path) and the key. null counts as absent, as in Python's configs.
// Exceptions of nlohmann-json end here. Thread safety: distinct objects: safe.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/error.h"

namespace switchyard::model {

struct JsonLimits {
  std::size_t bytes_max = std::size_t{1} << 20;
  std::size_t depth_max = 32;  // of nested objects and arrays
};

// The text as a JSON object. Errors: kLimit past the limits; kBadInput for syntax, a duplicate key
// or a root that is no object.
[[nodiscard]] Result<nlohmann::json> parse_json_object(std::string_view text,
                                                       std::string_view place,
                                                       const JsonLimits& limits);

// A name from a file, fit for a one-line message: quoted, escaped, cut at 120 characters.
[[nodiscard]] std::string quote_name(std::string_view name);

// Typed access to the members of one object, which must outlive this.
class JsonFields {
 public:
  // `prefix` is put before keys in messages ("rope_parameters."); `object` must be a JSON object.
  JsonFields(const nlohmann::json& object, std::string place, std::string prefix = "");

  [[nodiscard]] const std::string& place() const noexcept { return place_; }
  // The member, or nullptr where it is absent or null.
  [[nodiscard]] const nlohmann::json* find(const char* key) const;
  [[nodiscard]] bool has(const char* key) const { return find(key) != nullptr; }

  // Required members. Errors: kBadInput when missing or of another type.
  [[nodiscard]] Result<std::size_t> count(const char* key) const;  // a whole number >= 0
  [[nodiscard]] Result<std::string> text(const char* key) const;
  // Optional members with an explicit default. Errors: kBadInput when of another type.
  [[nodiscard]] Result<std::size_t> count_or(const char* key, std::size_t otherwise) const;
  [[nodiscard]] Result<double> number_or(const char* key, double otherwise) const;  // finite
  [[nodiscard]] Result<bool> flag_or(const char* key, bool otherwise) const;
  [[nodiscard]] Result<std::string> text_or(const char* key, std::string_view otherwise) const;
  // A whole number or a list of them; empty where absent.
  [[nodiscard]] Result<std::vector<std::size_t>> counts(const char* key) const;
  // A list of strings; empty where absent.
  [[nodiscard]] Result<std::vector<std::string>> texts(const char* key) const;
  // A nested object; nothing where absent.
  [[nodiscard]] Result<std::optional<JsonFields>> object(const char* key) const;

  // An error of this key: "PLACE: key: text".
  [[nodiscard]] Unexpected problem(ErrorCode code, const char* key, std::string_view text) const;

 private:
  [[nodiscard]] Unexpected wrong_type(const char* key, std::string_view expected,
                                      const nlohmann::json& got) const;

  const nlohmann::json* object_;
  std::string place_;
  std::string prefix_;
};

}  // namespace switchyard::model
