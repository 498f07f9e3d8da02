// launcher/commands/study.h -- `switchyard study`: compares routing policies at equal mean experts.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_study_command();

}  // namespace switchyard::launcher
