// launcher/commands/routing.h -- `switchyard routing`: lists the routing policies and their keys.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_routing_command();

}  // namespace switchyard::launcher
