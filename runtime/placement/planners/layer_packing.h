// runtime/placement/planners/layer_packing.h -- the copies of one layer's experts on ranks while
// `balanced` works on them: who holds what, what each rank's share costs, and which rules an
// expert's copies still break. A rank is named by its place in PackingProblem (ascending id).
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

enum class Domain : std::uint8_t { kHost, kZone, kRegion };
inline constexpr std::array kDomains{Domain::kHost, Domain::kZone, Domain::kRegion};

// What is the same for all layers. Only living ranks with slots, whatever the request's order.
struct PackingProblem {
  struct Rank {
    RankId id;
    std::size_t slots = 0;
    double speed = 1;
    std::array<std::uint32_t, 3> domain{};  // number of its host, zone, region
  };
  std::vector<Rank> ranks;  // ascending id
  std::size_t experts = 0;
  std::size_t copies_min = 1;                  // of each expert
  std::array<std::size_t, 3> domain_count{};   // hosts, zones, regions there are
  std::array<std::size_t, 3> spread{1, 1, 1};  // how many of them an expert's copies must reach

  // Errors: kConfig where the slots cannot hold what is asked.
  [[nodiscard]] static Result<PackingProblem> create(const PlanRequest& request);
};

// What one of c copies of an expert costs its rank, by objective: load / c pairs, or the chance
// that at least one of the step's tokens chooses this copy, 1 - (1 - load / tokens /
// c)^step_tokens.
class CopyCost {
 public:
  CopyCost(const PlanRequest& request, std::size_t layer);
  [[nodiscard]] double operator()(ExpertId expert, std::size_t copies) const;

 private:
  Objective objective_;
  double step_tokens_;
  std::vector<double> load_;  // kActivated: share of the tokens
};

class LayerPacking {
 public:
  // Both must outlive the packing.
  LayerPacking(const PackingProblem& problem, const CopyCost& cost);

  void add(ExpertId expert, std::size_t rank);     // not there yet, the rank has a free slot
  void remove(ExpertId expert, std::size_t rank);  // there

  [[nodiscard]] const PackingProblem& problem() const noexcept { return *problem_; }
  [[nodiscard]] bool holds(std::size_t rank, ExpertId expert) const {
    return holds_[rank * problem_->experts + expert.index()] != 0;
  }
  [[nodiscard]] std::span<const ExpertId> held(std::size_t rank) const { return held_[rank]; }
  [[nodiscard]] std::span<const std::size_t> ranks_of(ExpertId expert) const {
    return ranks_of_[expert.index()];
  }
  [[nodiscard]] std::size_t copies(ExpertId expert) const {
    return ranks_of_[expert.index()].size();
  }
  [[nodiscard]] std::size_t free_slots(std::size_t rank) const {
    return problem_->ranks[rank].slots - held_[rank].size();
  }
  // Of one copy, were there `copies` of the expert.
  [[nodiscard]] double cost_at(ExpertId expert, std::size_t copies) const {
    return (*cost_)(expert, copies);
  }
  [[nodiscard]] double cost(ExpertId expert) const { return copy_cost_[expert.index()]; }
  [[nodiscard]] double load(std::size_t rank) const { return load_[rank]; }
  [[nodiscard]] double time(std::size_t rank, double load) const {
    return load / problem_->ranks[rank].speed;
  }
  [[nodiscard]] double time(std::size_t rank) const { return time(rank, load_[rank]); }
  [[nodiscard]] std::size_t busiest() const;  // lowest of equals
  [[nodiscard]] double objective() const { return time(busiest()); }

  // How many hosts, zones and regions the expert's copies still have to reach; a region, which was
  // asked for, counts for more than all hosts and zones together.
  [[nodiscard]] std::size_t shortfall(ExpertId expert) const;
  // The same without the copy on rank `without` and with one on `with` (kNoRank: neither).
  static constexpr std::size_t kNoRank = SIZE_MAX;
  struct Exchange {
    std::size_t without = kNoRank;
    std::size_t with = kNoRank;
  };
  [[nodiscard]] std::size_t shortfall(ExpertId expert, Exchange exchange) const;
  [[nodiscard]] std::size_t shortfall(ExpertId expert, Domain domain) const;

 private:
  [[nodiscard]] std::size_t reached(ExpertId expert, Domain domain, Exchange exchange) const;
  void update_cost(ExpertId expert);
  void update_load(std::size_t rank);

  const PackingProblem* problem_;
  const CopyCost* cost_;
  std::vector<std::vector<ExpertId>> held_;         // [ranks] ascending
  std::vector<std::vector<std::size_t>> ranks_of_;  // [experts] ascending
  std::vector<std::uint8_t> holds_;                 // [ranks, experts]
  std::vector<double> copy_cost_;                   // [experts]
  std::vector<double> load_;                        // [ranks]
};

}  // namespace switchyard::placement
