// launcher/progress_line.h -- progress of long work on stderr: one line that is rewritten on a
// terminal, a line every few seconds otherwise. Only rank 0 shows it, and only when asked to.
// Thread safety: shared objects: unsafe.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "runtime/base/clock.h"

namespace switchyard::launcher {

class ProgressLine {
 public:
  enum class Show { kYes, kNo };
  ProgressLine(Show show, const Clock& clock);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Shows the text if the last one is old enough, and makes it only then: it is offered with every
  // step of the work.
  template <class... Args>
  void update(fmt::format_string<Args...> text, Args&&... args) {
    if (due()) show(fmt::format(text, std::forward<Args>(args)...));
  }
  // Removes the line (terminal), so that other output starts on a clean one.
  void clear();

 private:
  [[nodiscard]] bool due() const;
  void show(std::string_view text);

  bool show_;
  bool terminal_;
  const Clock& clock_;
  TimePoint last_{};
  bool dirty_ = false;
};

}  // namespace switchyard::launcher
