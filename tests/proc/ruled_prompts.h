// tests/proc/ruled_prompts.h -- prompts of which every second one is under a residency rule, and
// where their rows went. For tests only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/command/run_command.h"

namespace switchyard::tests {

enum class Ruled { kEverySecond, kAll };

// The prompts of the file, every second one or all under the regime: another file. "eu:gdpr" writes
// the origin and the regime apart.
[[nodiscard]] std::string with_regime(const ScratchFolder& scratch, const std::string& prompts,
                                      const std::string& regime, Ruled which = Ruled::kEverySecond);

// [{"origin", "region", "rows"}] as {"ORIGIN>REGION": rows}.
[[nodiscard]] nlohmann::json rows_by_ends(const nlohmann::json& cells,
                                          const std::string& rows = "rows");

// Rows under a rule that the ranks of a report have sent to those ranks.
[[nodiscard]] std::uint64_t restricted_rows_to(const nlohmann::json& document,
                                               const std::vector<std::size_t>& ranks);

}  // namespace switchyard::tests
