// runtime/config/config_print.h -- the effective configuration for people and for programs, and the
// tables of the documentation. Pure: returns text.
// Thread safety: shared objects safe (free functions).
#pragma once

#include <string>

#include "runtime/config/config_sources.h"

namespace switchyard::config {

// One line a key: name, value, source; columns aligned.
[[nodiscard]] std::string config_table(const EffectiveConfig& config);

// {"keys": [{"key", "value", "default", "source", "doc"}]}; values typed as JSON.
[[nodiscard]] std::string config_json(const EffectiveConfig& config);

// The Markdown table of docs/CONFIGURATION.md and configs/README.md, made from the key table.
[[nodiscard]] std::string config_markdown();

}  // namespace switchyard::config
