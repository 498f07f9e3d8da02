// The SVG plot of a study.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "launcher/study_plot.h"

namespace switchyard::launcher {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 520;
constexpr double kLeft = 80;
constexpr double kRight = 230;
constexpr double kTop = 50;
constexpr double kBottom = 60;
constexpr std::array kColours{"#c0392b", "#2471a3", "#1e8449", "#b7950b", "#7d3c98",
                              "#d35400", "#117a65", "#5d6d7e", "#a93226", "#2e4053",
                              "#16a085", "#8e44ad", "#7e5109", "#34495e"};

struct Frame {
  double x_min = 0;
  double x_max = 1;
  double y_min = 0;
  double y_max = 1;
  [[nodiscard]] double x(double value) const {
    return kLeft + (value - x_min) / (x_max - x_min) * (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double y(double value) const {
    return kHeight - kBottom - (value - y_min) / (y_max - y_min) * (kHeight - kTop - kBottom);
  }
};

Frame make_frame(const std::vector<StudyPoint>& points) {
  Frame frame{1e300, -1e300, 1e300, -1e300};
  for (const auto& point : points) {
    frame.x_min = std::min(frame.x_min, point.mean_k);
    frame.x_max = std::max(frame.x_max, point.mean_k);
    frame.y_min = std::min(frame.y_min, point.nll);
    frame.y_max = std::max(frame.y_max, point.nll);
  }
  const double x_pad = std::max(0.1, 0.05 * (frame.x_max - frame.x_min));
  const double y_pad = std::max(0.001, 0.08 * (frame.y_max - frame.y_min));
  return {frame.x_min - x_pad, frame.x_max + x_pad, frame.y_min - y_pad, frame.y_max + y_pad};
}

std::string axes(const Frame& frame) {
  std::string svg;
  for (int i = 0; i <= 5; ++i) {
    const double y = frame.y_min + (frame.y_max - frame.y_min) * i / 5;
    const double x = frame.x_min + (frame.x_max - frame.x_min) * i / 5;
    svg += fmt::format(
        "<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' stroke='#e5e7e9'/>"
        "<text x='{:.1f}' y='{:.1f}' text-anchor='end'>{:.3f}</text>"
        "<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>{:.2f}</text>\n",
        kLeft, frame.y(y), kWidth - kRight, frame.y(y), kLeft - 8, frame.y(y) + 4, y, frame.x(x),
        kHeight - kBottom + 18, x);
  }
  return svg + fmt::format(
                   "<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>mean experts per "
                   "token</text><text transform='translate(20 {:.1f}) rotate(-90)' "
                   "text-anchor='middle'>nats per token</text>\n",
                   (kLeft + kWidth - kRight) / 2, kHeight - 18, (kTop + kHeight - kBottom) / 2);
}

std::string series(const Frame& frame, const std::vector<const StudyPoint*>& points,
                   std::string_view name, std::string_view colour, std::size_t row) {
  std::string path;
  std::string dots;
  for (const auto* point : points) {
    path += fmt::format("{}{:.1f} {:.1f} ", path.empty() ? "M" : "L", frame.x(point->mean_k),
                        frame.y(point->nll));
    dots += fmt::format(
        "<circle cx='{:.1f}' cy='{:.1f}' r='4' fill='{}'><title>{}: k {:.3f}, {:.4f}</title>"
        "</circle>",
        frame.x(point->mean_k), frame.y(point->nll), colour, point->routing, point->mean_k,
        point->nll);
  }
  const double y = kTop + 10 + 20 * static_cast<double>(row);
  return fmt::format(
      "<path d='{}' fill='none' stroke='{}' stroke-width='1.5'/>{}<circle cx='{:.1f}' cy='{:.1f}' "
      "r='4' fill='{}'/><text x='{:.1f}' y='{:.1f}'>{}</text>\n",
      path, colour, dots, kWidth - kRight + 20, y - 4, colour, kWidth - kRight + 30, y, name);
}

}  // namespace

std::string study_svg(const std::vector<StudyPoint>& points, std::string_view title) {
  if (points.empty()) return {};
  std::map<std::string, std::vector<const StudyPoint*>> families;
  for (const auto& point : points) families[point.family].push_back(&point);
  const Frame frame = make_frame(points);
  std::string svg = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {} {}' font-family='sans-serif' "
      "font-size='12'>\n<rect width='100%' height='100%' fill='white'/>\n"
      "<text x='{}' y='28' font-size='15'>{}</text>\n",
      kWidth, kHeight, kLeft, title);
  svg += axes(frame);
  std::size_t row = 0;
  for (auto& [name, list] : families) {
    std::sort(list.begin(), list.end(),
              [](const auto* a, const auto* b) { return a->mean_k < b->mean_k; });
    const bool is_static = list.front()->kind == PointKind::kStatic;
    svg += series(frame, list, name, is_static ? "#000000" : kColours[row % kColours.size()], row);
    ++row;
  }
  return svg + "</svg>\n";
}

}  // namespace switchyard::launcher
