#include "runtime/control/scaling_rule.h"

#include <cmath>

namespace switchyard::control {
namespace {

// Quotients of decimal fractions fall a hair beside the bound that people mean.
constexpr double kHair = 1e-9;
// Above any count that a bound would let through.
constexpr double kWantedMax = 1e6;

std::size_t wanted_by(double ratio, std::size_t current, double tolerance) {
  if (std::abs(ratio - 1) <= tolerance + kHair) return current;
  const double exact = static_cast<double>(current) * ratio;
  return static_cast<std::size_t>(std::ceil(std::min(exact, kWantedMax) - kHair));
}

}  // namespace

RuleResult apply_scaling_rule(std::size_t current, std::span<const MetricReading> readings,
                              double tolerance) {
  RuleResult out;
  for (const MetricReading& reading : readings) {
    if (!reading.ratio) {
      ++out.missing_count;
      continue;
    }
    out.wanted = std::max(out.wanted, wanted_by(*reading.ratio, current, tolerance));
    if (!out.leader || *reading.ratio > out.need_ratio) {
      out.leader = reading.metric;
      out.need_ratio = *reading.ratio;
    }
  }
  if (!out.leader) {
    out.wanted = current;
    out.held = out.missing_count > 0;
  } else if (out.missing_count > 0 && out.wanted < current) {
    out.wanted = current;
    out.held = true;
  }
  return out;
}

}  // namespace switchyard::control
