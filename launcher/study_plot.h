// launcher/study_plot.h -- the points of a study as a table, CSV and an SVG plot of loss against
// mean experts. Pure: returns text. Thread safety: safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace switchyard::launcher {

// kStatic: one k; its points are the curve that the others are compared with. kPerLayer: a constant
// k for each layer, equal for all tokens.
enum class PointKind { kStatic, kPerLayer, kDynamic, kRandom };

struct StudyPoint {
  PointKind kind = PointKind::kDynamic;
  std::string family;   // series name: "top-p", "entropy", ...
  std::string routing;  // canonical spec
  double mean_k = 0;
  double nll = 0;
  double bits_per_byte = 0;
  double saved_vs_static = 0;
  double tokens_per_second = 0;
  double gain = 0;     // static loss at the same mean k, interpolated, minus this loss
  bool inside = true;  // mean k lies within the static curve
};

// Fills gain and inside from the static points (linear interpolation over k).
void compute_gains(std::vector<StudyPoint>& points);

[[nodiscard]] std::string study_table(const std::vector<StudyPoint>& points);
[[nodiscard]] std::string study_csv(const std::vector<StudyPoint>& points);
[[nodiscard]] std::string study_svg(const std::vector<StudyPoint>& points, std::string_view title);
// One plain sentence or two: whether dynamic beat static at equal mean experts, and the control.
[[nodiscard]] std::string study_verdict(const std::vector<StudyPoint>& points);

}  // namespace switchyard::launcher
