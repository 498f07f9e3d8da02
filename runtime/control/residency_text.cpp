#include "runtime/control/residency_text.h"

#include <algorithm>

namespace switchyard::control {
namespace {

// Takes the part of `text` before the mark, and the mark with it.
std::string_view take_until(std::string_view& text, char mark) {
  const auto at = text.find(mark);
  const auto part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return part;
}

Unexpected wrong(std::string_view rule, std::string_view why) {
  return fail(ErrorCode::kConfig,
              "residency: '{}': {}; write for example eu/gdpr=eu-west+eu-north;us=us-east",
              rule.substr(0, 60), why);
}

}  // namespace

Result<std::vector<ResidencyRule>> parse_residency(std::string_view text) {
  std::vector<ResidencyRule> rules;
  while (!text.empty()) {
    const auto rule = take_until(text, ';');
    auto regions = rule;
    if (rule.find('=') == std::string_view::npos) return wrong(rule, "no '='");
    ResidencyRule parsed;
    parsed.regime = take_until(regions, '=');
    if (parsed.regime.empty()) return wrong(rule, "no regime");
    if (std::ranges::find(rules, parsed.regime, &ResidencyRule::regime) != rules.end()) {
      return wrong(rule, "the regime has a rule already");
    }
    do {
      parsed.regions.emplace_back(take_until(regions, '+'));
      if (parsed.regions.back().empty()) return wrong(rule, "a region is empty");
    } while (!regions.empty());
    rules.push_back(std::move(parsed));
  }
  return rules;
}

}  // namespace switchyard::control
