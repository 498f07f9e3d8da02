// launcher/commands/logits.h -- `switchyard logits`: writes the logits of prompts to a safetensors
// file.
#pragma once

#include <memory>

#include "launcher/command.h"

namespace switchyard::launcher {

[[nodiscard]] std::unique_ptr<Command> make_logits_command();

}  // namespace switchyard::launcher
