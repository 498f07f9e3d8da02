// launcher/commands/controller.h -- `switchyard controller`: keeps a cluster: membership, recovery,
// scaling.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_controller_command();

}  // namespace switchyard::launcher
