// launcher/launch/live_view.h -- what `launch` shows while a cluster works. On a terminal: events
// go by, and below them stands a block with the summary and a row for each rank, redrawn in place
// and never wider or higher than the terminal. Otherwise: one line for each event, and one whenever
// the phase, the epoch, the healthy ranks or the finished requests change. All on stderr. Thread
// safety: shared objects: unsafe.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/progress_line.h"

namespace switchyard::launcher {

class LiveView {
 public:
  LiveView(ProgressLine::Show show, const Clock& clock);
  ~LiveView() { clear(); }
  LiveView(const LiveView&) = delete;
  LiveView& operator=(const LiveView&) = delete;

  // `done`: requests that have ended, of `requests`.
  void status(const nlohmann::json& status, std::size_t done, std::size_t requests);
  // A line that stays.
  void event(std::string_view text);
  // Removes the block, so that other output starts on a clean line.
  void clear();
  [[nodiscard]] bool shows() const noexcept { return show_; }

 private:
  void draw();

  bool show_;
  bool terminal_;
  const Clock& clock_;
  TimePoint started_;
  std::vector<std::string> block_;  // of the newest status
  std::size_t drawn_lines_ = 0;
  std::string said_;  // without a terminal: the state of the last line
};

// The first `height` lines, each cut to `width` characters (UTF-8 sequences stay whole).
[[nodiscard]] std::vector<std::string> fit_terminal(std::vector<std::string> lines,
                                                    std::size_t width, std::size_t height);

}  // namespace switchyard::launcher
