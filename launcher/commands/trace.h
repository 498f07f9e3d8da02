// launcher/commands/trace.h -- `switchyard trace`: records expert loads and selections.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_trace_command();

}  // namespace switchyard::launcher
