#include "runtime/routing/ranking.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace switchyard::routing {
namespace {

// Up to here an insertion scan beats partial_sort (one comparison for most experts).
constexpr std::size_t kInsertionMax = 24;

// A new key sinks from the best place to its own, pushing the rest down, in a fixed number of steps
// without a branch on the keys: where it goes is chance, and a mispredicted branch costs as much as
// several steps. Ids come in ascending order, so a strict comparison keeps the lower id in front.
void rank_by_insertion(std::span<const float> keys, std::size_t count, Ranked& out) noexcept {
  std::array<float, kInsertionMax> best;
  std::fill_n(best.begin(), count, -std::numeric_limits<float>::infinity());
  for (std::uint32_t e = 0; e < keys.size(); ++e) {
    if (e >= count && !(keys[e] > best[count - 1])) continue;
    float key = keys[e];
    std::uint32_t id = e;
    const std::size_t places = e < count ? e : count;
    bool better = false;  // and stays so: what it pushes down goes before what is below
    for (std::size_t at = 0; at < places; ++at) {
      better |= key > best[at];
      const float kept_key = best[at];
      const std::uint32_t kept_id = out.ids[at];
      best[at] = better ? key : kept_key;
      out.ids[at] = better ? id : kept_id;
      key = better ? kept_key : key;
      id = better ? kept_id : id;
    }
    if (places == count) continue;
    best[places] = key;
    out.ids[places] = id;
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
