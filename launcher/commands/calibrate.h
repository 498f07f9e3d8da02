// launcher/commands/calibrate.h -- `switchyard calibrate`: finds the thresholds that reach a mean
// number of experts.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_calibrate_command();

}  // namespace switchyard::launcher
