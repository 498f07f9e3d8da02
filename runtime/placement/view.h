// runtime/placement/view.h -- a view: which ranks are members, in which roles, and where each
// expert's replicas live, numbered by epoch. Immutable once shared (shared_ptr<const View>).
// Everyone acts under one view; only a controller (or the static start-up) makes the next.
// Thread safety: shared const objects: safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"

namespace switchyard::placement {

struct Member {
  RankId rank;
  bool router = false;  // holds sequences, attention and the gate
  bool expert = false;  // holds experts
  std::string host;
  std::string region;
  std::string zone;
  std::string address{};  // of a process that came later (comm/transport.h attach()); else empty
  bool operator==(const Member&) const = default;
};

// A physical copy of an expert: where it lives and in which slot of that rank's layer.
struct Replica {
  RankId rank;
  SlotId slot;
  bool operator==(const Replica&) const = default;
};

// Whether experts may be on no rank: masked ones, whose pairs are dropped and counted. Only a
// controller that was told to go on without them makes such a placement.
enum class Gaps : std::uint8_t { kForbidden, kMasked };

// layer, expert -> replicas (at least one, on distinct ranks, in ascending rank order).
class Placement {
 public:
  Placement() = default;
  // replicas[layer * experts + expert]. Errors: kConfig naming layer and expert that has none, a
  // rank that holds an expert twice, or a slot that is used twice.
  [[nodiscard]] static Result<Placement> create(std::size_t layers, std::size_t experts,
                                                std::vector<std::vector<Replica>> replicas,
                                                Gaps gaps = Gaps::kForbidden);

  // Experts on no rank, over all layers.
  [[nodiscard]] std::size_t masked_count() const noexcept { return masked_count_; }
  [[nodiscard]] std::size_t layers() const noexcept { return layers_; }
  [[nodiscard]] std::size_t experts() const noexcept { return experts_; }
  [[nodiscard]] std::span<const Replica> replicas(std::size_t layer, ExpertId expert) const;
  // The experts that `rank` holds in `layer`, in slot order.
  [[nodiscard]] std::vector<ExpertId> experts_of(std::size_t layer, RankId rank) const;
  bool operator==(const Placement&) const = default;

 private:
  std::size_t layers_ = 0;
  std::size_t experts_ = 0;
  std::size_t masked_count_ = 0;
  std::vector<Replica> replicas_;     // flat
  std::vector<std::uint32_t> begin_;  // [layers * experts + 1]
};

struct View {
  Epoch epoch;
  std::vector<Member> members;  // ascending rank
  Placement placement;

  // Null where the rank is no member.
  [[nodiscard]] const Member* find(RankId rank) const noexcept;
  // Whether both say the same of members and experts, whatever their epochs.
  [[nodiscard]] bool same_but_epoch(const View& other) const {
    return members == other.members && placement == other.placement;
  }
};

}  // namespace switchyard::placement
