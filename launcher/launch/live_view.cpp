#include "launcher/launch/live_view.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "launcher/cluster_text.h"
#include "runtime/base/log_lines.h"

namespace switchyard::launcher {
namespace {

struct Size {
  std::size_t width = 80;
  std::size_t height = 24;
};

Size terminal_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {size.ws_col, size.ws_row};
}

bool continues_character(char letter) {
  return (static_cast<unsigned char>(letter) & 0xc0U) == 0x80;
}

std::string cut(std::string line, std::size_t width) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (continues_character(line[i])) continue;
    if (characters++ == width) {
      line.resize(i);
      break;
    }
  }
  return line;
}

}  // namespace

std::vector<std::string> fit_terminal(std::vector<std::string> lines, std::size_t width,
                                      std::size_t height) {
  if (lines.size() > height) lines.resize(height);
  for (auto& line : lines) line = cut(printable(line), width);
  return lines;
}

LiveView::LiveView(ProgressLine::Show show, const Clock& clock)
    : show_(show == ProgressLine::Show::kYes),
      terminal_(::isatty(STDERR_FILENO) == 1),
      clock_(clock),
      started_(clock.now()) {}

void LiveView::status(const nlohmann::json& status, std::size_t done, std::size_t requests) {
  if (!show_ || !status.is_object() || !status.contains("ranks")) return;
  const double seconds = to_seconds(clock_.now() - started_);
  auto summary = summary_lines(status);
  const std::string state =
      fmt::format("{}; {} of {} requests done", summary.front(), done, requests);
  if (!terminal_) {
    if (state == said_) return;
    said_ = state;
    std::fprintf(stderr, "%.1f s  %s; %.1f tokens/s\n", seconds, state.c_str(),
                 tokens_per_second(status));
    std::fflush(stderr);
    return;
  }
  block_ = std::move(summary);
  block_[0] = fmt::format("{}; {:.1f} s", state, seconds);
  for (auto& line : rank_lines(status)) block_.push_back(std::move(line));
  draw();
}

// In one write: up over the old block, clear to the end, the new block.
void LiveView::draw() {
  const Size size = terminal_size();
  const auto lines = fit_terminal(block_, size.width - 1, size.height - 1);
  std::string text;
  if (drawn_lines_ > 0) text += fmt::format("\033[{}A", drawn_lines_);
  text += "\r\033[J";
  for (const auto& line : lines) text += line + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
  drawn_lines_ = lines.size();
}

void LiveView::event(std::string_view text) {
  if (!show_) return;
  const bool again = drawn_lines_ > 0;
  clear();
  std::fprintf(stderr, "%s\n", printable(text).c_str());
  std::fflush(stderr);
  if (again) draw();
}

void LiveView::clear() {
  if (drawn_lines_ == 0) return;
  std::fprintf(stderr, "\033[%zuA\r\033[J", drawn_lines_);
  std::fflush(stderr);
  drawn_lines_ = 0;
}

}  // namespace switchyard::launcher
