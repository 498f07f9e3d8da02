// runtime/moe/plane_sizes.h -- the options of a data plane's two sides, and what they have on its
// way. Not the plane (data_plane.h). Thread safety: pure functions.
#pragma once

#include <vector>

#include "runtime/moe/data_plane.h"

namespace switchyard::moe {

[[nodiscard]] std::vector<RankId> router_ranks(const placement::View& view);
[[nodiscard]] std::size_t expert_rank_count(const placement::View& view);

// ranks: slots of the world.
[[nodiscard]] ExpertServerOptions server_options(const DataPlaneOptions& options,
                                                 const placement::View& view, std::size_t ranks);
[[nodiscard]] ExchangeShape exchange_shape(const DataPlaneOptions& options,
                                           std::size_t expert_ranks);
// The most bytes of rows that are on their way to a rank at a time: the dispatches of so many
// routers, and the answers to its own, if it is one.
enum class Routes : std::uint8_t { kNo, kYes };
[[nodiscard]] std::size_t rows_in_flight(const DataPlaneOptions& options, std::size_t routers,
                                         Routes self);

}  // namespace switchyard::moe
