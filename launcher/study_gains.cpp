// The gains of a study's points over its static curve, and how sure they are.
#include <algorithm>

#include "launcher/study_noise.h"
#include "launcher/study_plot.h"

namespace switchyard::launcher {
namespace {

// The static points on both sides of a mean k, and how far it is from the lower to the upper one.
struct Bracket {
  const StudyPoint* low = nullptr;
  const StudyPoint* high = nullptr;
  double share = 0;

  [[nodiscard]] double between(double at_low, double at_high) const {
    return at_low + share * (at_high - at_low);
  }
};

std::vector<const StudyPoint*> static_points(const std::vector<StudyPoint>& points) {
  std::vector<const StudyPoint*> list;
  for (const auto& point : points) {
    if (point.kind == PointKind::kStatic) list.push_back(&point);
  }
  std::sort(list.begin(), list.end(),
            [](const auto* a, const auto* b) { return a->mean_k < b->mean_k; });
  return list;
}

// Nothing outside the curve.
std::optional<Bracket> bracket_of(const std::vector<const StudyPoint*>& curve, double mean_k) {
  constexpr double kRounding = 1e-9;
  for (std::size_t i = 0; i + 1 < curve.size(); ++i) {
    const double low = curve[i]->mean_k;
    const double high = curve[i + 1]->mean_k;
    if (mean_k < low - kRounding || mean_k > high + kRounding) continue;
    return Bracket{curve[i], curve[i + 1], std::clamp((mean_k - low) / (high - low), 0.0, 1.0)};
  }
  return std::nullopt;
}

// Window by window, scaled so that their mean is the gain in nats per token. Empty where the
// windows were not kept.
std::vector<double> window_gains(const Bracket& bracket, const StudyPoint& point) {
  const std::size_t count = point.windows.size();
  if (bracket.low->windows.size() != count || bracket.high->windows.size() != count) return {};
  std::size_t tokens = 0;
  for (const auto& window : point.windows) tokens += window.tokens;
  std::vector<double> gains;
  for (std::size_t w = 0; w < count; ++w) {
    const double fixed =
        bracket.between(bracket.low->windows[w].nats, bracket.high->windows[w].nats);
    gains.push_back((fixed - point.windows[w].nats) * static_cast<double>(count) /
                    static_cast<double>(tokens));
  }
  return gains;
}

}  // namespace

void compute_gains(std::vector<StudyPoint>& points) {
  const auto curve = static_points(points);
  std::vector<StudyPoint*> judged;
  std::vector<std::vector<double>> gains;
  for (auto& point : points) {
    if (point.kind == PointKind::kStatic) continue;
    const auto bracket = bracket_of(curve, point.mean_k);
    if (!bracket) continue;
    point.gain = bracket->between(bracket->low->nll, bracket->high->nll) - point.nll;
    auto by_window = window_gains(*bracket, point);
    point.gain_error = standard_error(by_window);
    if (point.kind != PointKind::kDynamic || !point.gain_error) continue;
    judged.push_back(&point);
    gains.push_back(std::move(by_window));
  }
  const auto chances = chance_of_best(gains);
  for (std::size_t i = 0; i < judged.size(); ++i) judged[i]->chance = chances[i];
}

}  // namespace switchyard::launcher
