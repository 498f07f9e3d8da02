// runtime/control/no_router.h -- how a rank refuses a request because it has no router's part; the
// controller gives the request to another. Not the refusals that end a request.
// Thread safety: a constant.
#pragma once

#include <string_view>

namespace switchyard::control {

// The error of its Finished.
inline constexpr std::string_view kNoRouterHere = "this rank is no router";

}  // namespace switchyard::control
