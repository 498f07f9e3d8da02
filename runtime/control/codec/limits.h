// runtime/control/codec/limits.h -- the most of each thing that a control message may carry; a peer
// that says more is refused before anything is allocated. Wide enough for what the configuration
// allows (1024 ranks, layers and 4096 experts). Thread safety: constants.
#pragma once

#include <cstddef>

namespace switchyard::control {

inline constexpr std::size_t kWireRanksMax = 65'536;
inline constexpr std::size_t kWireLayersMax = 1'024;
inline constexpr std::size_t kWireExpertsMax = 4'096;                // of one layer
inline constexpr std::size_t kWireRegionPairsMax = 4'096;            // origins x regions
inline constexpr std::size_t kWireRequestsMax = 100'000;             // in one message
inline constexpr std::size_t kWireTokensMax = std::size_t{1} << 24;  // of one request

}  // namespace switchyard::control
