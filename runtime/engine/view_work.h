// runtime/engine/view_work.h -- what a rank must load before it can act under a view, and what it
// may drop after. Loading goes in small pieces (one expert), so that the rank keeps serving
// meanwhile. Not the decision (the controller's) and not the switch (moe/data_plane.h). Thread
// safety: the rank's engine thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "kernels/device.h"
#include "runtime/base/ids.h"
#include "runtime/model/weight_source.h"
#include "runtime/moe/expert_store.h"
#include "runtime/placement/view.h"

namespace switchyard::engine {

class ViewWork {
 public:
  // References outlive it.
  ViewWork(RankId self, model::WeightSource& source, kernels::Device& device,
           moe::ExpertStore& store)
      : self_(self), source_(source), device_(device), store_(store) {}

  // Forgets what was pending and lists what this rank lacks for the view.
  void start(std::shared_ptr<const placement::View> view);
  // Loads one expert. True while more is to do. Blocks: for one expert's reading and packing.
  [[nodiscard]] Result<bool> advance();
  [[nodiscard]] bool pending() const noexcept { return !missing_.empty(); }
  [[nodiscard]] const placement::View* view() const noexcept { return view_.get(); }
  // The view will not come.
  void abandon();
  // Drops every expert that `current` does not put here.
  void keep_only(const placement::View& current);

 private:
  RankId self_;
  model::WeightSource& source_;
  kernels::Device& device_;
  moe::ExpertStore& store_;
  std::shared_ptr<const placement::View> view_;
  std::deque<std::pair<std::size_t, ExpertId>> missing_;  // (MoE layer, expert)
};

}  // namespace switchyard::engine
