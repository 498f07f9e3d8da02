// runtime/control/residency.h -- where the rows of a request may go: from its regime to regions to
// ranks. Fails closed: a regime that no rule names may go nowhere. Not the enforcement, which is
// the data plane's; this decides what it enforces. Thread safety: shared const objects: safe.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/control/controller_options.h"
#include "runtime/placement/view.h"

namespace switchyard::control {

class Residency {
 public:
  explicit Residency(std::vector<ResidencyRule> rules) : rules_(std::move(rules)) {}

  enum class Verdict : std::uint8_t {
    kAnywhere,   // no regime: every rank
    kLimited,    // the ranks of some regions
    kForbidden,  // never: no rule, or a rule without regions
  };
  // The name of the rule for a request: "ORIGIN/REGIME" where there is one, else its regime.
  [[nodiscard]] std::string rule_of(std::string_view origin, std::string_view regime) const;
  [[nodiscard]] Verdict judge(std::string_view regime) const;
  [[nodiscard]] bool allows(std::string_view regime, std::string_view region) const;

  // Of the members, those that the regime may use, ascending.
  [[nodiscard]] std::vector<RankId> allowed(std::string_view regime,
                                            const placement::View& view) const;
  // The first thing that the regime lacks under the view: "no router in eu-west", or nothing.
  [[nodiscard]] std::optional<std::string> missing(std::string_view regime,
                                                   const placement::View& view) const;

  [[nodiscard]] const std::vector<ResidencyRule>& rules() const noexcept { return rules_; }

 private:
  [[nodiscard]] const ResidencyRule* find(std::string_view regime) const;

  std::vector<ResidencyRule> rules_;
};

// The name under which rows of a request under a rule are counted (Assign::origin).
[[nodiscard]] std::string counted_origin(std::string_view origin, std::string_view regime);

}  // namespace switchyard::control
