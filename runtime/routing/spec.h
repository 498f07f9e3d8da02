// runtime/routing/spec.h -- the one grammar of routing specs: `name` or `name:key=value,key=value`.
// Splits, bounds and reads values strictly; it knows no policy. Lists use '/': k=4/4/3.
// Thread safety: distinct objects: safe; shared const objects: safe. Errors: kUsage, one line.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/error.h"

namespace switchyard::routing {

struct Range {
  double low = 0;
  double high = 0;
};

class Spec {
 public:
  // Names are [a-z0-9-]+, keys [a-z0-9_]+, values any printable bytes but ',' and at least one.
  // Errors: kUsage for a malformed or duplicate key, kLimit for length and number of keys.
  [[nodiscard]] static Result<Spec> parse(std::string_view text);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool has(std::string_view key) const noexcept { return find(key) != nullptr; }
  [[nodiscard]] std::optional<std::string_view> text(std::string_view key) const noexcept;
  // Errors: a key outside `allowed`, answered with that list.
  [[nodiscard]] Result<void> check_keys(std::span<const std::string_view> allowed) const;

  // A finite decimal number within `range`, or nothing where the key is absent.
  [[nodiscard]] Result<std::optional<double>> number(std::string_view key, Range range) const;
  // A whole number within low..high, or `absent`.
  [[nodiscard]] Result<std::size_t> whole(std::string_view key, std::size_t absent, std::size_t low,
                                          std::size_t high) const;
  // Numbers joined by '/', each within `range`; empty where the key is absent.
  [[nodiscard]] Result<std::vector<double>> numbers(std::string_view key, Range range) const;
  [[nodiscard]] Result<std::vector<std::size_t>> wholes(std::string_view key, std::size_t low,
                                                        std::size_t high) const;
  // One of `words`, or the first of them where the key is absent; the answer is the index.
  [[nodiscard]] Result<std::size_t> word(std::string_view key,
                                         std::span<const std::string_view> words) const;

 private:
  [[nodiscard]] const std::string* find(std::string_view key) const noexcept;

  std::string name_;
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// Writes a canonical spec: SpecText("topk").add("k", 4).str() is "topk:k=4". Numbers are printed
// with the fewest digits that read back the same.
class SpecText {
 public:
  explicit SpecText(std::string_view name) : text_(name) {}
  template <class Value>
  SpecText& add(std::string_view key, const Value& value) {
    text_ += fmt::format("{}{}={}", empty_ ? ':' : ',', key, value);
    empty_ = false;
    return *this;
  }
  SpecText& add_list(std::string_view key, std::span<const double> values);
  SpecText& add_list(std::string_view key, std::span<const std::size_t> values);
  [[nodiscard]] const std::string& str() const noexcept { return text_; }

 private:
  std::string text_;
  bool empty_ = true;
};

}  // namespace switchyard::routing
