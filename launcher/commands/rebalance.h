// launcher/commands/rebalance.h -- `switchyard rebalance`: has a running cluster plan its placement
// anew.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_rebalance_command();

}  // namespace switchyard::launcher
