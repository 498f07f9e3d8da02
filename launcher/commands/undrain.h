// launcher/commands/undrain.h -- `switchyard undrain`: lets a drained rank of a running cluster
// work again.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_undrain_command();

}  // namespace switchyard::launcher
