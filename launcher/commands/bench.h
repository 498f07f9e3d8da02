// launcher/commands/bench.h -- `switchyard bench`: measures layers, exchange, prefill and decode
// against the machine's ceilings.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_bench_command();

}  // namespace switchyard::launcher
