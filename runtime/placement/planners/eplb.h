// runtime/placement/planners/eplb.h -- EPLB, the expert-parallelism load balancer that DeepSeek
// published (github.com/deepseek-ai/EPLB, 2025), with its decisions to the bit: packing and
// replication in fp32, ties by lower index, and its habits too: two copies of one expert may come
// to lie on one rank, loads that are all zero give every spare slot to expert 0, one item a pack is
// never sorted, nothing is remembered of the plan before. `balanced` is the planner without them.
// Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

struct EplbSize {
  std::size_t layers = 0;
  std::size_t experts = 0;
  std::size_t slots = 0;   // of all ranks, in one layer
  std::size_t groups = 1;  // of neighbouring experts
  std::size_t nodes = 1;
  std::size_t ranks = 1;
};

// Slot s is on rank s / (slots / ranks). The names are those of the publication.
struct EplbMaps {
  std::size_t copies_max = 0;
  std::vector<std::uint32_t> phy2log;  // [layers, slots] the slot's expert
  std::vector<std::uint32_t> phyrank;  // [layers, slots] which copy of it
  std::vector<std::int32_t> log2phy;   // [layers, experts, copies_max] slots; -1 where no copy is
  std::vector<std::uint32_t> logcnt;   // [layers, experts] copies
};

// weights [layers * experts], finite, not negative. Hierarchical where the nodes divide the groups
// (whole groups stay on a node), else global.
// Errors: kConfig for sizes that do not divide as EPLB needs, for fewer slots than experts.
[[nodiscard]] Result<EplbMaps> run_eplb(std::span<const float> weights, const EplbSize& size);

}  // namespace switchyard::placement
