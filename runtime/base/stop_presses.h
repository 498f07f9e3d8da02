// runtime/base/stop_presses.h -- counts presses of Ctrl-C where one press may arrive as several
// signals: from the terminal and from a launcher that passes it on. Not the signals themselves.
// Thread safety: shared objects: unsafe.
#pragma once

#include <optional>

#include "runtime/base/clock.h"

namespace switchyard {

class StopPresses {
 public:
  enum class Press { kFirst, kSame, kSecond };
  // A signal that has come at `now`: of the first press, of the same one again, or of another.
  [[nodiscard]] Press take(TimePoint now) noexcept {
    if (!first_) {
      first_ = now;
      return Press::kFirst;
    }
    return now - *first_ < kOnePress ? Press::kSame : Press::kSecond;
  }

 private:
  static constexpr Duration kOnePress{250'000'000};
  std::optional<TimePoint> first_;
};

}  // namespace switchyard
