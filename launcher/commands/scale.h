// launcher/commands/scale.h -- `switchyard scale`: asks a running cluster for a number of expert
// ranks.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_scale_command();

}  // namespace switchyard::launcher
