// runtime/model/fingerprint.h -- a number that tells two models apart: of all of a configuration,
// and of any text. Equal numbers make equality very likely and prove nothing against an attacker.
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/model/model_config.h"

namespace switchyard::model {

[[nodiscard]] std::uint64_t fingerprint(std::string_view text);
// Of every field.
[[nodiscard]] std::uint64_t fingerprint(const ModelConfig& config);

}  // namespace switchyard::model
