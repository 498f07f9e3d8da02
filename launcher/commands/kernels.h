// launcher/commands/kernels.h -- `switchyard kernels`: says which kernels run here and why.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_kernels_command();

}  // namespace switchyard::launcher
