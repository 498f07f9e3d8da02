// runtime/control/connection_id.h -- the name of a control connection. Not the connection itself
// (runtime/net). Thread safety: plain values.
#pragma once

#include "runtime/base/ids.h"

namespace switchyard::control {

// Valid for as long as the connection lasts; never reused. 0 is none.
using ConnectionId = StrongId<struct ConnectionTag>;

}  // namespace switchyard::control
