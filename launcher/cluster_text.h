// launcher/cluster_text.h -- the controller's status for people: a summary, a row for each rank,
// the last events. Shared by `status` and the live view of `launch`. What a status leaves out (an
// older controller's) shows as "-". Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace switchyard::launcher {

// Tokens per second of all ranks together.
[[nodiscard]] double tokens_per_second(const nlohmann::json& status);

// Lines without line ends.
[[nodiscard]] std::vector<std::string> summary_lines(const nlohmann::json& status);
// A heading and one line a rank, columns as wide as their widest entry.
[[nodiscard]] std::vector<std::string> rank_lines(const nlohmann::json& status);
// The last `most` events, oldest first: "12.3 s ago  rank_dead  rank 3 life 1: ...".
[[nodiscard]] std::vector<std::string> event_lines(const nlohmann::json& status, std::size_t most);

}  // namespace switchyard::launcher
