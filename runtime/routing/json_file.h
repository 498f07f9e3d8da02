// runtime/routing/json_file.h -- lists of numbers in JSON files that specs name (bias, k per
// layer). Errors: kNotFound, kIo, kLimit, kBadInput; the message names the file.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/error.h"

namespace switchyard::routing {

// [1, 2, 3] with each item in low..high.
[[nodiscard]] Result<std::vector<std::size_t>> read_whole_list(const std::string& path,
                                                               std::size_t low, std::size_t high);

// [[..], [..]]: `rows` lists of `cols` finite numbers, flattened.
[[nodiscard]] Result<std::vector<float>> read_matrix(const std::string& path, std::size_t rows,
                                                     std::size_t cols);

}  // namespace switchyard::routing
