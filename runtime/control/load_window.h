// runtime/control/load_window.h -- what the ranks served of late: pairs per expert, and pairs and
// time per rank, over a sliding window. Whole numbers in a ring of slices, so that what leaves the
// window leaves it to the last pair and equal reports give equal sums; memory is bounded by the
// slices. Not the decision what to do about it (balancer.h). Thread safety: distinct objects: safe;
// shared objects: unsafe. Time is an argument and never goes back.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

struct RankWork {
  std::uint64_t pairs = 0;
  double seconds = 0;       // that its reports cover
  double busy_seconds = 0;  // of these spent computing, in whatever role
  // Of these spent on the pairs; what a rank that routes too does besides is no measure of them.
  double serve_seconds = 0;

  [[nodiscard]] double busy_share() const noexcept {
    return seconds > 0 ? busy_seconds / seconds : 0;
  }
};

class LoadWindow {
 public:
  // ranks: slots of the cluster. window: above zero; it moves on by a slice at a time.
  LoadWindow(std::size_t ranks, Duration window);

  // A report of `rank`, whose expert_pairs are empty or as long as in every other report.
  void add(RankId rank, const LoadReport& report, TimePoint now);
  // Pairs per [layer * experts + expert]; empty where nothing was reported within the window.
  [[nodiscard]] std::vector<std::uint64_t> loads(TimePoint now) const;
  [[nodiscard]] RankWork work(RankId rank, TimePoint now) const;
  // That all routers have read, prompt and generated.
  [[nodiscard]] std::uint64_t tokens(TimePoint now) const;

 private:
  static constexpr std::size_t kSlices = 6;
  struct Slice {
    std::int64_t number = -1;  // of the slice in time; -1: unused
    std::vector<std::uint64_t> pairs;
    std::vector<RankWork> ranks;
    std::uint64_t tokens = 0;
  };
  [[nodiscard]] std::int64_t number_at(TimePoint now) const;
  [[nodiscard]] bool current(const Slice& slice, TimePoint now) const;

  std::size_t ranks_;
  Duration slice_;
  std::array<Slice, kSlices> ring_;
};

}  // namespace switchyard::control
