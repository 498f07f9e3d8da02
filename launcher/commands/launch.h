// launcher/commands/launch.h -- `switchyard launch`: starts a cluster of its own and runs a command
// on it. Thread: the main thread.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_launch_command();

}  // namespace switchyard::launcher
