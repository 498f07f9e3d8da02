// launcher/commands/status.h -- `switchyard status`: shows a running cluster.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_status_command();

}  // namespace switchyard::launcher
