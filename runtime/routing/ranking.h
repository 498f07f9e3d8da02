// runtime/routing/ranking.h -- the best n experts of a token in order; equal keys rank by lower id.
// Allocation-free. Thread safety: functions without state.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "runtime/routing/limits.h"

namespace switchyard::routing {

// Expert ids in decreasing order of key; left uninitialised on purpose: one a token.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
struct Ranked {
  std::size_t count = 0;
  std::array<std::uint32_t, kExpertsMax> ids;
};

// The `count` best of keys [E] (no NaN), count <= E.
void rank_best(std::span<const float> keys, std::size_t count, Ranked& out) noexcept;

// Group-limited ranking of DeepSeek-V3: a group's score is the sum of its two best keys; only the
// `groups_kept` best groups (equal scores: lower group) take part. E is a multiple of `groups` and
// count <= groups_kept * E / groups. Members of the other groups count as -inf, not as 0.
struct Grouping {
  std::size_t groups = 1;
  std::size_t groups_kept = 1;
};
void rank_best_in_groups(std::span<const float> keys, Grouping grouping, std::size_t count,
                         Ranked& out) noexcept;

}  // namespace switchyard::routing
