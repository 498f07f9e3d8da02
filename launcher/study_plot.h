// launcher/study_plot.h -- the points of a study as a table, CSV and an SVG plot of loss against
// mean experts. Pure: returns text. Thread safety: safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace switchyard::launcher {

// kStatic: one k; its points are the curve that the others are compared with. kPerLayer: a constant
// k for each layer, equal for all tokens.
enum class PointKind { kStatic, kPerLayer, kDynamic, kRandom };

struct WindowLoss {
  std::size_t tokens = 0;
  double nats = 0;  // of all of them
};

struct StudyPoint {
  PointKind kind = PointKind::kDynamic;
  std::string family;   // series name: "top-p", "entropy", ...
  std::string routing;  // canonical spec
  double mean_k = 0;
  double nll = 0;
  double bits_per_byte = 0;
  double saved_vs_static = 0;
  double tokens_per_second = 0;
  std::optional<double> budget;     // mean k that was asked for; nothing of static points
  std::vector<WindowLoss> windows;  // those scored, the same of all points of a study
  // Of the others, where their mean k lies within the static curve: the static loss at the same
  // mean k, interpolated, minus this loss.
  std::optional<double> gain;
  std::optional<double> gain_error;  // standard error over the windows; nothing below two of them
  // Of dynamic points with a gain_error: the probability that the best of all of them looks as good
  // by chance (study_noise.h).
  std::optional<double> chance;
};

// Fills gain, gain_error and chance (linear interpolation over k between static points).
void compute_gains(std::vector<StudyPoint>& points);

[[nodiscard]] std::string study_table(const std::vector<StudyPoint>& points);
// What a point does not have is an empty field.
[[nodiscard]] std::string study_csv(const std::vector<StudyPoint>& points);
// The losses of all points window by window.
[[nodiscard]] std::string study_windows_csv(const std::vector<StudyPoint>& points);
[[nodiscard]] std::string study_svg(const std::vector<StudyPoint>& points, std::string_view title);
// One plain sentence or two: whether dynamic beat static at equal mean experts by more than chance,
// and the control.
[[nodiscard]] std::string study_verdict(const std::vector<StudyPoint>& points);

}  // namespace switchyard::launcher
