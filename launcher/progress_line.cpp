#include "launcher/progress_line.h"

#include <unistd.h>

#include <cstdio>

namespace switchyard::launcher {
namespace {

constexpr Duration kTerminalInterval{100'000'000};
constexpr Duration kPlainInterval{2'000'000'000};

}  // namespace

ProgressLine::ProgressLine(Show show, const Clock& clock)
    : show_(show == Show::kYes),
      terminal_(::isatty(STDERR_FILENO) == 1),
      clock_(clock),
      last_(clock.now() - kPlainInterval) {}

ProgressLine::~ProgressLine() { clear(); }

bool ProgressLine::due() const {
  return show_ && clock_.now() - last_ >= (terminal_ ? kTerminalInterval : kPlainInterval);
}

void ProgressLine::show(std::string_view text) {
  last_ = clock_.now();
  dirty_ = terminal_;
  std::fprintf(stderr, terminal_ ? "\r\033[K%.*s" : "%.*s\n", static_cast<int>(text.size()),
               text.data());
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (!dirty_) return;
  dirty_ = false;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

}  // namespace switchyard::launcher
