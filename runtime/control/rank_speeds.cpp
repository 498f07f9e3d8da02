#include "runtime/control/rank_speeds.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace switchyard::control {
namespace {

constexpr double kServeSecondsMin = 0.5;
constexpr std::uint64_t kPairsMin = 1'000;
// Speeds are powers of this. A rank counts as another than the mean from half a step away on.
constexpr double kStep = 1.25;
constexpr double kSpeedMax = 16;

}  // namespace

std::vector<double> measured_speeds(const std::vector<RankWork>& work) {
  std::vector<double> speeds;
  for (const RankWork& each : work) {
    if (each.serve_seconds < kServeSecondsMin || each.pairs < kPairsMin) {
      return std::vector<double>(work.size(), 1.0);
    }
    speeds.push_back(static_cast<double>(each.pairs) / each.serve_seconds);
  }
  const double mean = std::accumulate(speeds.begin(), speeds.end(), 0.0) /
                      static_cast<double>(std::max<std::size_t>(1, speeds.size()));
  for (double& speed : speeds) {
    const double steps = std::round(std::log(speed / mean) / std::log(kStep));
    speed = std::clamp(std::pow(kStep, steps), 1 / kSpeedMax, kSpeedMax);
  }
  return speeds;
}

}  // namespace switchyard::control
