#include "runtime/routing/ranking.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace switchyard::routing {
namespace {

// Up to here an insertion scan beats partial_sort (one comparison for most experts).
constexpr std::size_t kInsertionMax = 24;

void rank_by_insertion(std::span<const float> keys, std::size_t count, Ranked& out) noexcept {
  std::array<float, kInsertionMax> best{};
  std::size_t filled = 0;
  for (std::uint32_t e = 0; e < keys.size(); ++e) {
    const float key = keys[e];
    // Ids come in ascending order, so a strict comparison keeps the lower id in front.
    if (filled == count && !(key > best[count - 1])) continue;
    std::size_t at = filled < count ? filled++ : count - 1;
    for (; at > 0 && key > best[at - 1]; --at) {
      best[at] = best[at - 1];
      out.ids[at] = out.ids[at - 1];
    }
    best[at] = key;
    out.ids[at] = e;
  }
}

}  // namespace

void rank_best(std::span<const float> keys, std::size_t count, Ranked& out) noexcept {
  out.count = count;
  if (count == 0) return;
  if (count <= kInsertionMax) return rank_by_insertion(keys, count, out);
  const auto ids = std::span(out.ids).first(keys.size());
  std::iota(ids.begin(), ids.end(), 0U);
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [keys](std::uint32_t a, std::uint32_t b) {
                      return keys[a] > keys[b] || (keys[a] == keys[b] && a < b);
                    });
}

void rank_best_in_groups(std::span<const float> keys, Grouping grouping, std::size_t count,
                         Ranked& out) noexcept {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const std::size_t size = keys.size() / grouping.groups;
  // As in Ranked. NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  std::array<float, kExpertsMax> group_keys;
  for (std::size_t g = 0; g < grouping.groups; ++g) {
    float first = kNever;
    float second = kNever;
    for (const float key : keys.subspan(g * size, size)) {
      if (key > first) {
        second = first;
        first = key;
      } else if (key > second) {
        second = key;
      }
    }
    group_keys[g] = size > 1 ? first + second : first;
  }
  rank_best(std::span(group_keys).first(grouping.groups), grouping.groups_kept, out);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  std::array<float, kExpertsMax> masked;
  std::fill_n(masked.begin(), keys.size(), kNever);
  for (std::size_t i = 0; i < grouping.groups_kept; ++i) {
    const std::size_t begin = out.ids[i] * size;
    std::copy_n(keys.begin() + static_cast<std::ptrdiff_t>(begin), size,
                masked.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  rank_best(std::span(masked).first(keys.size()), count, out);
}

}  // namespace switchyard::routing
