// launcher/commands/drain.h -- `switchyard drain`: takes a rank of a running cluster out of work.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_drain_command();

}  // namespace switchyard::launcher
