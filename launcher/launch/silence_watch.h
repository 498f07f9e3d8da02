// launcher/launch/silence_watch.h -- for how long somebody who is asked again and again has said
// nothing, as seen by one who looks often. A pause of the one who looks (stopped, or short of
// processor time) counts for a second at most: nobody was heard because nobody listened.
// Thread safety: shared objects: unsafe. Time is an argument.
#pragma once

#include <algorithm>

#include "runtime/base/clock.h"

namespace switchyard::launcher {

class SilenceWatch {
 public:
  // limit: the silence that is too long.
  explicit SilenceWatch(Duration limit) : limit_(limit) {}

  void heard() noexcept { silence_ = Duration::zero(); }
  // Looks; true once where the silence has become too long, then it starts over.
  [[nodiscard]] bool too_long(TimePoint now) noexcept {
    if (looked_ != TimePoint()) silence_ += std::min(now - looked_, kPauseMax);
    looked_ = now;
    if (silence_ < limit_) return false;
    silence_ = Duration::zero();
    return true;
  }

 private:
  static constexpr Duration kPauseMax{1'000'000'000};
  Duration limit_;
  Duration silence_{};
  TimePoint looked_{};
};

}  // namespace switchyard::launcher
