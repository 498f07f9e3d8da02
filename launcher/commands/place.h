// launcher/commands/place.h -- `switchyard place`: plans a placement from a trace.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_place_command();

}  // namespace switchyard::launcher
