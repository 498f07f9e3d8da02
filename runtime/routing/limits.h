// runtime/routing/limits.h -- documented maxima of the routing room; all of them answer with
// errors.
#pragma once

#include <cstddef>

namespace switchyard::routing {

// The widest published router has 512 + 256 experts; per-token scratch of this size is on the
// stack.
inline constexpr std::size_t kExpertsMax = 1024;
inline constexpr std::size_t kLayersMax = 1024;
inline constexpr std::size_t kSpecBytesMax = 16384;  // a list of k or thresholds per layer fits
inline constexpr std::size_t kSpecKeysMax = 16;
// Entries of the unigram table of the `prior` estimator; larger ids count as never seen.
inline constexpr std::size_t kVocabMax = std::size_t{1} << 20;
inline constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;

}  // namespace switchyard::routing
