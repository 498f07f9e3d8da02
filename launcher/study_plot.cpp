#include "launcher/study_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

namespace switchyard::launcher {
namespace {

// Differences below this are rounding of the comparison, not a finding.
constexpr double kNatsNoise = 0.0005;

std::vector<const StudyPoint*> static_points(const std::vector<StudyPoint>& points) {
  std::vector<const StudyPoint*> list;
  for (const auto& point : points) {
    if (point.kind == PointKind::kStatic) list.push_back(&point);
  }
  std::sort(list.begin(), list.end(),
            [](const auto* a, const auto* b) { return a->mean_k < b->mean_k; });
  return list;
}

// Dynamic policies of two names may differ in the third digit by chance; the best one is reported.
const StudyPoint* best_dynamic(const std::vector<StudyPoint>& points) {
  const StudyPoint* best = nullptr;
  for (const auto& point : points) {
    if (point.kind != PointKind::kDynamic || !point.inside) continue;
    if (best == nullptr || point.gain > best->gain) best = &point;
  }
  return best;
}

std::string_view kind_name(PointKind kind) {
  switch (kind) {
    case PointKind::kStatic: return "static";
    case PointKind::kPerLayer: return "per-layer";
    case PointKind::kDynamic: return "dynamic";
    case PointKind::kRandom: return "random";
  }
  return "";
}

// The mean gain of a kind's points within the static curve; nothing where there is none.
std::optional<double> mean_gain(const std::vector<StudyPoint>& points, PointKind kind) {
  double sum = 0;
  std::size_t count = 0;
  for (const auto& point : points) {
    if (point.kind != kind || !point.inside) continue;
    sum += point.gain;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

}  // namespace

void compute_gains(std::vector<StudyPoint>& points) {
  const auto curve = static_points(points);
  for (auto& point : points) {
    point.inside = !curve.empty() && point.mean_k >= curve.front()->mean_k - 1e-9 &&
                   point.mean_k <= curve.back()->mean_k + 1e-9;
    if (!point.inside) continue;
    for (std::size_t i = 0; i + 1 < curve.size(); ++i) {
      if (point.mean_k > curve[i + 1]->mean_k) continue;
      const double share =
          (point.mean_k - curve[i]->mean_k) / (curve[i + 1]->mean_k - curve[i]->mean_k);
      point.gain = curve[i]->nll + share * (curve[i + 1]->nll - curve[i]->nll) - point.nll;
      break;
    }
  }
}

std::string study_table(const std::vector<StudyPoint>& points) {
  std::string text = fmt::format("{:<58} {:>7} {:>10} {:>10} {:>9} {:>9}\n", "routing", "mean k",
                                 "nats/token", "bits/byte", "saved", "gain");
  for (const auto& point : points) {
    text += fmt::format("{:<58} {:>7.3f} {:>10.4f} {:>10.4f} {:>8.1f}% {:>9}\n", point.routing,
                        point.mean_k, point.nll, point.bits_per_byte, 100 * point.saved_vs_static,
                        point.kind == PointKind::kStatic ? std::string("-")
                        : point.inside                   ? fmt::format("{:+.4f}", point.gain)
                                                         : std::string("n/a"));
  }
  return text +
         "saved: expert work against the checkpoint's static k. gain: nats per token below the\n"
         "static curve at the same mean k (interpolated); negative is worse than static.\n";
}

std::string study_csv(const std::vector<StudyPoint>& points) {
  std::string text =
      "kind,family,routing,mean_experts,nll,bits_per_byte,saved_vs_static,tokens_per_second,gain\n";
  for (const auto& point : points) {
    text += fmt::format("{},{},\"{}\",{:.6f},{:.8f},{:.8f},{:.6f},{:.1f},{:.8f}\n",
                        kind_name(point.kind), point.family, point.routing, point.mean_k, point.nll,
                        point.bits_per_byte, point.saved_vs_static, point.tokens_per_second,
                        point.gain);
  }
  return text;
}

std::string study_verdict(const std::vector<StudyPoint>& points) {
  const auto* best = best_dynamic(points);
  if (best == nullptr) return "No dynamic policy was measured within the static curve.\n";
  std::string text =
      best->gain > kNatsNoise
          ? fmt::format(
                "Dynamic routing beat static routing here: {} at {:.2f} experts per token "
                "is {:.4f} nats/token below static at the same mean. ",
                best->routing, best->mean_k, best->gain)
          : fmt::format(
                "Dynamic routing did not beat static routing here: the best, {}, differs "
                "by {:+.4f} nats/token at {:.2f} experts per token. ",
                best->routing, best->gain, best->mean_k);
  if (const auto gain = mean_gain(points, PointKind::kRandom)) {
    text += fmt::format("The random-k control at the same budgets: {:+.4f} nats/token on average.",
                        *gain);
  }
  if (const auto gain = mean_gain(points, PointKind::kPerLayer)) {
    text += fmt::format(" A constant k for each layer: {:+.4f}.", *gain);
  }
  return text + "\n";
}

}  // namespace switchyard::launcher
