// launcher/count_option.h -- checks of flags that are whole numbers. CLI11 reads "-5" into an
// unsigned number as 2^64 - 5. Not the settings, which the key table checks. Thread safety: pure
// functions.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>

namespace switchyard::launcher {

// Refuses, as a usage error, what is no whole number from `low` to `high`.
[[nodiscard]] CLI::Validator count_between(std::size_t low, std::size_t high);

}  // namespace switchyard::launcher
