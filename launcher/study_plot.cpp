#include "launcher/study_plot.h"

#include <fmt/format.h>

#include <optional>

namespace switchyard::launcher {
namespace {

// Differences below this are rounding of the comparison, not a finding.
constexpr double kNatsNoise = 0.0005;

// By less than this chance would make a rule look as good.
constexpr double kChanceMax = 0.05;

bool beats_static(const StudyPoint& point) {
  return point.kind == PointKind::kDynamic && point.chance && *point.chance <= kChanceMax &&
         *point.gain > kNatsNoise;
}

// The largest gain among those that are more than chance, or among all where none is.
const StudyPoint* best_dynamic(const std::vector<StudyPoint>& points) {
  const StudyPoint* best = nullptr;
  for (const auto& point : points) {
    if (point.kind != PointKind::kDynamic || !point.gain) continue;
    const bool sure = beats_static(point);
    const bool best_sure = best != nullptr && beats_static(*best);
    if (best == nullptr || (sure && !best_sure) || (sure == best_sure && point.gain > best->gain)) {
      best = &point;
    }
  }
  return best;
}

// "+0.0123 +- 0.0010 nats/token", the error where there is one.
std::string gain_text(const StudyPoint& point) {
  std::string text = fmt::format("{:+.4f}", *point.gain);
  if (point.gain_error) text += fmt::format(" +- {:.4f}", *point.gain_error);
  return text + " nats/token";
}

// What the chance is one of.
std::string chance_text(const StudyPoint& point, const std::vector<StudyPoint>& points) {
  if (!point.chance || !point.gain_error) return "its error is unknown: too few windows";
  std::size_t rules = 0;
  for (const auto& other : points) rules += other.kind == PointKind::kDynamic && other.gain ? 1 : 0;
  return fmt::format("p = {:.4f} for the best of {} over {} windows", *point.chance, rules,
                     point.windows.size());
}

std::string field(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : std::string();
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
    if (point.kind != kind || !point.gain) continue;
    sum += *point.gain;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

}  // namespace

std::string study_table(const std::vector<StudyPoint>& points) {
  std::string text = fmt::format("{:<58} {:>7} {:>10} {:>10} {:>9} {:>9} {:>8}\n", "routing",
                                 "mean k", "nats/token", "bits/byte", "saved", "gain", "+-");
  for (const auto& point : points) {
    text +=
        fmt::format("{:<58} {:>7.3f} {:>10.4f} {:>10.4f} {:>8.1f}% {:>9} {:>8}\n", point.routing,
                    point.mean_k, point.nll, point.bits_per_byte, 100 * point.saved_vs_static,
                    point.kind == PointKind::kStatic ? std::string("-")
                    : point.gain                     ? fmt::format("{:+.4f}", *point.gain)
                                                     : std::string("n/a"),
                    field(point.gain_error, 4));
  }
  return text +
         "saved: expert work against the checkpoint's static k. gain: nats per token below the\n"
         "static curve at the same mean k (interpolated); negative is worse than static. +-: its\n"
         "standard error over the windows of the text.\n";
}

std::string study_csv(const std::vector<StudyPoint>& points) {
  std::string text =
      "kind,family,routing,budget,mean_experts,nll,bits_per_byte,saved_vs_static,tokens_per_second,"
      "gain,gain_error,chance\n";
  for (const auto& point : points) {
    text += fmt::format("{},{},\"{}\",{},{:.6f},{:.8f},{:.8f},{:.6f},{:.1f},{},{},{}\n",
                        kind_name(point.kind), point.family, point.routing, field(point.budget, 4),
                        point.mean_k, point.nll, point.bits_per_byte, point.saved_vs_static,
                        point.tokens_per_second, field(point.gain, 8), field(point.gain_error, 8),
                        field(point.chance, 4));
  }
  return text;
}

std::string study_windows_csv(const std::vector<StudyPoint>& points) {
  std::string text = "routing,window,tokens,nats\n";
  for (const auto& point : points) {
    for (std::size_t w = 0; w < point.windows.size(); ++w) {
      text += fmt::format("\"{}\",{},{},{:.8f}\n", point.routing, w, point.windows[w].tokens,
                          point.windows[w].nats);
    }
  }
  return text;
}

std::string study_verdict(const std::vector<StudyPoint>& points) {
  const auto* best = best_dynamic(points);
  if (best == nullptr) return "No dynamic policy was measured within the static curve.\n";
  const auto place = fmt::format("at {:.2f} experts per token", best->mean_k);
  const auto chance = chance_text(*best, points);
  std::string text =
      beats_static(*best)
          ? fmt::format(
                "Dynamic routing beat static routing here: {} {} is {} below static at the "
                "same mean ({}). ",
                best->routing, place, gain_text(*best), chance)
      : *best->gain > 0
          ? fmt::format(
                "Dynamic routing did not beat static routing here: the best, {} {}, differs "
                "by {}, within the noise ({}). ",
                best->routing, place, gain_text(*best), chance)
          : fmt::format(
                "Dynamic routing did not beat static routing here: the best, {} {}, differs "
                "by {}. ",
                best->routing, place, gain_text(*best));
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
