#include "runtime/placement/planners/eplb.h"

#include <algorithm>
#include <numeric>

#include "runtime/base/check.h"

namespace switchyard::placement {
namespace {

struct Packed {
  std::vector<std::size_t> pack;   // of each item
  std::vector<std::size_t> place;  // of each item in its pack
};

// Items by descending weight, each into the lightest pack that is not full.
[[nodiscard]] Packed pack_evenly(std::span<const float> weights, std::size_t packs) {
  const std::size_t items_per_pack = weights.size() / packs;
  Packed out{std::vector<std::size_t>(weights.size()), std::vector<std::size_t>(weights.size())};
  if (items_per_pack == 1) {
    std::iota(out.pack.begin(), out.pack.end(), std::size_t{0});
    return out;
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](std::size_t i) { return weights[i]; });
  std::vector<float> load(packs, 0);
  std::vector<std::size_t> fill(packs, 0);
  for (const std::size_t item : order) {
    std::size_t best = packs;
    for (std::size_t p = 0; p < packs; ++p) {
      if (fill[p] < items_per_pack && (best == packs || load[p] < load[best])) best = p;
    }
    out.pack[item] = best;
    out.place[item] = fill[best]++;
    load[best] += weights[item];
  }
  return out;
}

struct Replicated {
  std::vector<std::size_t> expert;   // of each slot
  std::vector<std::uint32_t> copy;   // of each slot
  std::vector<std::uint32_t> count;  // of each expert
};

// One slot for each expert, then each further slot to the expert whose copies carry most.
[[nodiscard]] Replicated replicate(std::span<const float> weights, std::size_t slots) {
  const std::size_t experts = weights.size();
  Replicated out{std::vector<std::size_t>(slots), std::vector<std::uint32_t>(slots, 0),
                 std::vector<std::uint32_t>(experts, 1)};
  std::iota(out.expert.begin(), out.expert.begin() + static_cast<std::ptrdiff_t>(experts),
            std::size_t{0});
  const auto share = [&](std::size_t e) { return weights[e] / static_cast<float>(out.count[e]); };
  for (std::size_t s = experts; s < slots; ++s) {
    std::size_t best = 0;
    for (std::size_t e = 1; e < experts; ++e) {
      if (share(e) > share(best)) best = e;
    }
    out.expert[s] = best;
    out.copy[s] = out.count[best]++;
  }
  return out;
}

// Experts in the order of nodes: groups are packed onto nodes, whole.
[[nodiscard]] std::vector<std::size_t> order_by_node(std::span<const float> weights,
                                                     const EplbSize& size) {
  const std::size_t group_size = size.experts / size.groups;
  std::vector<float> group_weights(size.groups, 0);
  for (std::size_t e = 0; e < size.experts; ++e) group_weights[e / group_size] += weights[e];
  const Packed packed = pack_evenly(group_weights, size.nodes);
  std::vector<std::size_t> original(size.experts);
  for (std::size_t e = 0; e < size.experts; ++e) {
    const std::size_t group = e / group_size;
    const std::size_t place = packed.pack[group] * (size.groups / size.nodes) + packed.place[group];
    original[place * group_size + e % group_size] = e;
  }
  return original;
}

// Fills phy2log and phyrank [slots] of one layer.
void plan_layer(std::span<const float> weights, const EplbSize& size,
                std::span<std::uint32_t> phy2log, std::span<std::uint32_t> phyrank) {
  const auto original = order_by_node(weights, size);
  const std::size_t node_experts = size.experts / size.nodes;
  const std::size_t node_slots = size.slots / size.nodes;
  const std::size_t node_ranks = size.ranks / size.nodes;
  const std::size_t rank_slots = size.slots / size.ranks;
  for (std::size_t node = 0; node < size.nodes; ++node) {
    std::vector<float> own(node_experts);
    for (std::size_t i = 0; i < node_experts; ++i) {
      own[i] = weights[original[node * node_experts + i]];
    }
    const Replicated copies = replicate(own, node_slots);
    std::vector<float> slot_weights(node_slots);
    for (std::size_t s = 0; s < node_slots; ++s) {
      const std::size_t e = copies.expert[s];
      slot_weights[s] = own[e] / static_cast<float>(copies.count[e]);
    }
    const Packed packed = pack_evenly(slot_weights, node_ranks);
    for (std::size_t s = 0; s < node_slots; ++s) {
      const std::size_t slot = node * node_slots + packed.pack[s] * rank_slots + packed.place[s];
      phy2log[slot] = static_cast<std::uint32_t>(original[node * node_experts + copies.expert[s]]);
      phyrank[slot] = copies.copy[s];
    }
  }
}

[[nodiscard]] Result<void> check_size(const EplbSize& size) {
  const auto divides = [](std::size_t part, std::size_t whole) {
    return part != 0 && whole % part == 0;
  };
  if (!divides(size.groups, size.experts) || !divides(size.nodes, size.ranks) ||
      !divides(size.ranks, size.slots)) {
    return fail(ErrorCode::kConfig,
                "eplb: groups must divide experts ({}, {}), nodes ranks ({}, {}), ranks slots ({}, "
                "{})",
                size.groups, size.experts, size.nodes, size.ranks, size.ranks, size.slots);
  }
  if (size.slots < size.experts) {
    return fail(ErrorCode::kConfig, "eplb: {} slots for {} experts", size.slots, size.experts);
  }
  return {};
}

}  // namespace

Result<EplbMaps> run_eplb(std::span<const float> weights, const EplbSize& size) {
  SY_CHECK(weights.size() == size.layers * size.experts, "{} weights", weights.size());
  EplbSize used = size;
  if (size.nodes == 0 || size.groups % size.nodes != 0) used.groups = used.nodes = 1;
  SY_TRY(check_size(used));
  EplbMaps out;
  out.phy2log.resize(size.layers * size.slots);
  out.phyrank.resize(size.layers * size.slots);
  out.logcnt.assign(size.layers * size.experts, 0);
  for (std::size_t l = 0; l < size.layers; ++l) {
    plan_layer(weights.subspan(l * size.experts, size.experts), used,
               std::span(out.phy2log).subspan(l * size.slots, size.slots),
               std::span(out.phyrank).subspan(l * size.slots, size.slots));
  }
  for (std::size_t i = 0; i < out.phy2log.size(); ++i) {
    ++out.logcnt[i / size.slots * size.experts + out.phy2log[i]];
  }
  if (!out.logcnt.empty()) out.copies_max = *std::ranges::max_element(out.logcnt);
  out.log2phy.assign(size.layers * size.experts * out.copies_max, -1);
  for (std::size_t i = 0; i < out.phy2log.size(); ++i) {
    const std::size_t expert = i / size.slots * size.experts + out.phy2log[i];
    out.log2phy[expert * out.copies_max + out.phyrank[i]] =
        static_cast<std::int32_t>(i % size.slots);
  }
  return out;
}

}  // namespace switchyard::placement
