// runtime/control/placement_repair.h -- changes a placement as little as an event demands: takes
// ranks out, gives lost experts a new home, evens out what each rank holds. Pure; equal input gives
// equal output. Not the search for the best placement: planners are in runtime/placement. Thread
// safety: functions without state.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"
#include "runtime/placement/view.h"

namespace switchyard::control {

// Copies per [layer * experts + expert]; unlike in a Placement an expert may have none.
struct CopyTable {
  std::size_t layers = 0;
  std::size_t experts = 0;
  std::vector<std::vector<placement::Replica>> copies;

  [[nodiscard]] static CopyTable of(const placement::Placement& placement);
  void drop(const std::set<RankId>& ranks);
  // Experts without a copy, over all layers.
  [[nodiscard]] std::size_t lost() const;
};

enum class Evenness : std::uint8_t {
  kLeave,  // only what is missing is added
  kLevel,  // and copies move until no target holds more than one above another, per layer
};

// Where a rank is: who dies with it. Empty: not known, shared with nobody.
struct RankSpot {
  std::string host;
  std::string zone;
};

struct RepairRequest {
  std::vector<RankId> targets;  // may receive copies, ascending
  std::size_t replicas = 1;     // wanted of each expert; as many as there are targets at most
  Evenness evenness = Evenness::kLeave;
  // In each group of ranks every expert has as many copies, as far as it has so many ranks that are
  // targets; in all of them one before in any a second.
  std::vector<std::set<RankId>> groups;
  // Pairs per [layers * experts]: copies go where least is done, the busiest experts first. Empty:
  // all experts count alike.
  std::vector<std::uint64_t> loads{};
  // A new copy goes to a host that has none of the expert, then to such a zone, where it can.
  std::map<RankId, RankSpot> spots{};
  // In each of these groups of ranks every expert has one copy at least.
  std::vector<std::set<RankId>> regions{};
};

// Errors: kConfig for a lost expert without a target that could take it.
[[nodiscard]] Result<void> repair(CopyTable& table, const RepairRequest& request);

// Whether every expert that has copies has one in each group; one that is masked has none to miss.
[[nodiscard]] bool covers(const CopyTable& table, const std::vector<std::set<RankId>>& groups);

// Copies that stay where they are keep the slots of `before`; the others get what is free.
void keep_slots(CopyTable& table, const CopyTable& before);

// Whether both have every expert on the same ranks.
[[nodiscard]] bool same_ranks(const CopyTable& a, const CopyTable& b);

}  // namespace switchyard::control
