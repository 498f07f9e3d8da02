// launcher/study_noise.h -- how sure a study is of its gains, from their differences window by
// window. Windows count as independent of each other; neighbours in a text are not quite, so that
// the errors are somewhat too small. Thread safety: pure functions.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace switchyard::launcher {

// Of the mean of `gains`, one a window; nothing for fewer than two.
[[nodiscard]] std::optional<double> standard_error(std::span<const double> gains);

// For each rule, by its gains [rules][windows]: the probability that the best of as many rules
// looks as good by chance, where none gains anything. Signs are flipped at random, those of all
// rules of a window together (a permutation test of the largest t), so that the number of rules and
// what they have in common are taken into account. At least 1 / 2000; 1 for fewer than two windows.
[[nodiscard]] std::vector<double> chance_of_best(const std::vector<std::vector<double>>& gains);

}  // namespace switchyard::launcher
