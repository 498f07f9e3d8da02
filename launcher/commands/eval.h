// launcher/commands/eval.h -- `switchyard eval`: perplexity of a text under a routing policy.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_eval_command();

}  // namespace switchyard::launcher
