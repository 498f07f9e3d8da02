// launcher/commands/inspect.h -- `switchyard inspect`: shows a checkpoint, its memory per rank, and
// what is wrong with it.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_inspect_command();

}  // namespace switchyard::launcher
