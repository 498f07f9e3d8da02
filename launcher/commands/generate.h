// launcher/commands/generate.h -- `switchyard generate`: continues prompts.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_generate_command();

}  // namespace switchyard::launcher
