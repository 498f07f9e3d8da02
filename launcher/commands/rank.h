// launcher/commands/rank.h -- `switchyard rank`: one rank of a launched cluster; `launch` starts it
// under mpirun. Thread: the main thread.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_rank_command();

}  // namespace switchyard::launcher
