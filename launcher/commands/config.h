// launcher/commands/config.h -- `switchyard config`: prints the effective configuration and where
// each value came from.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_config_command();

}  // namespace switchyard::launcher
