// runtime/placement/link_costs.h -- what it costs to send rows from one region to another, as an
// operator writes it: "eu-west:us-east=80,eu-west:ap=200", the same both ways. Numbers without a
// unit, to be compared only: milliseconds, money, anything. Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"

namespace switchyard::placement {

class LinkCosts {
 public:
  // Nothing where none was given for these two regions.
  [[nodiscard]] std::optional<std::uint32_t> between(std::string_view one,
                                                     std::string_view other) const;
  void set(std::string one, std::string other, std::uint32_t cost);

 private:
  std::map<std::pair<std::string, std::string>, std::uint32_t> costs_;  // first <= second
};

// Empty text: no costs. Errors: kConfig quoting the part that is wrong: not A:B=NUMBER, a region
// with itself, a pair twice.
[[nodiscard]] Result<LinkCosts> parse_link_costs(std::string_view text);

}  // namespace switchyard::placement
