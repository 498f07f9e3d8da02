// tests/property/control/message_maker.h -- random control messages of every type, by seed.
// Thread safety: functions without state.
#pragma once

#include "runtime/base/random.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

// A message whose type is the alternative `type` of Message.
[[nodiscard]] Message random_message(std::size_t type, Random& random);

}  // namespace switchyard::control
