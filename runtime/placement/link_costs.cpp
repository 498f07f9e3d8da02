#include "runtime/placement/link_costs.h"

#include <algorithm>
#include <charconv>

namespace switchyard::placement {
namespace {

std::pair<std::string, std::string> ordered(std::string one, std::string other) {
  if (other < one) std::swap(one, other);
  return {std::move(one), std::move(other)};
}

}  // namespace

std::optional<std::uint32_t> LinkCosts::between(std::string_view one,
                                                std::string_view other) const {
  const auto found = costs_.find(ordered(std::string(one), std::string(other)));
  if (found == costs_.end()) return std::nullopt;
  return found->second;
}

void LinkCosts::set(std::string one, std::string other, std::uint32_t cost) {
  costs_[ordered(std::move(one), std::move(other))] = cost;
}

Result<LinkCosts> parse_link_costs(std::string_view text) {
  LinkCosts costs;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const auto colon = part.find(':');
    const auto equal = part.rfind('=');
    const bool formed = colon != std::string_view::npos && equal != std::string_view::npos &&
                        colon > 0 && equal > colon + 1;
    const std::string_view number = formed ? part.substr(equal + 1) : std::string_view();
    std::uint32_t cost = 0;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), cost);
    if (number.empty() || read.ec != std::errc() || read.ptr != number.data() + number.size()) {
      return fail(ErrorCode::kConfig, "link costs: '{}' is not REGION:REGION=NUMBER",
                  part.substr(0, 80));
    }
    const std::string one(part.substr(0, colon));
    const std::string other(part.substr(colon + 1, equal - colon - 1));
    if (one == other) {
      return fail(ErrorCode::kConfig, "link costs: '{}': from a region to itself it costs nothing",
                  part.substr(0, 80));
    }
    if (costs.between(one, other)) {
      return fail(ErrorCode::kConfig, "link costs: '{}': these two are there already",
                  part.substr(0, 80));
    }
    costs.set(one, other, cost);
  }
  return costs;
}

}  // namespace switchyard::placement
