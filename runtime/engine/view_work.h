// runtime/engine/view_work.h -- what a rank must load before it can act under a view, and what it
// may drop after. Loading goes on beside the rank's work (background_loader.h), so that it keeps
// serving meanwhile. Not the decision (the controller's) and not the switch (moe/data_plane.h).
// Thread safety: the rank's engine thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "kernels/device.h"
#include "runtime/base/ids.h"
#include "runtime/engine/background_loader.h"
#include "runtime/model/weight_source.h"
#include "runtime/moe/expert_store.h"
#include "runtime/placement/view.h"

namespace switchyard::engine {

class ViewWork {
 public:
  // References outlive it. make_device: see background_loader.h; `device` is the rank's own.
  ViewWork(RankId self, model::WeightSource& source, kernels::Device& device,
           BackgroundLoader::MakeDevice make_device, moe::ExpertStore& store)
      : self_(self),
        source_(source),
        device_(device),
        store_(store),
        loader_(source, std::move(make_device)) {}

  // Forgets what was pending and begins to load what this rank lacks for the view. Of what was
  // loaded for one that was given up, what neither it nor `newest` (null: none) needs goes.
  void start(std::shared_ptr<const placement::View> view, const placement::View* newest);
  // Takes in what has been loaded since. True while more is to do. Blocks: no.
  [[nodiscard]] Result<bool> advance();
  [[nodiscard]] const placement::View* view() const noexcept { return view_.get(); }
  // The view is in use: there is nothing to prepare.
  void finished();
  // The view will not come. What was loaded for it stays, because the next one most likely wants
  // it; where something could not be loaded it goes, but for what `newest` needs (null: none).
  void give_up(const placement::View* newest);
  // Loads all that this rank lacks for the view, before anything else. Blocks: until it is there.
  [[nodiscard]] Result<void> load_now(const placement::View& view);
  // Leaves the source to the caller until resume(). Blocks: for one expert's loading.
  void pause() { loader_.stop(); }
  void resume();
  // Drops every expert that neither `current` nor the view that is being prepared puts here.
  void keep_only(const placement::View& current);

 private:
  [[nodiscard]] std::vector<ExpertPlace> missing(const placement::View& view) const;
  [[nodiscard]] bool placed(const placement::View& view, std::size_t layer, ExpertId expert) const;
  // Of what was loaded for no view that is in use, all but what one of these needs; null: none.
  void drop_added(const placement::View* newest, const placement::View* coming);

  RankId self_;
  model::WeightSource& source_;
  kernels::Device& device_;
  moe::ExpertStore& store_;
  std::shared_ptr<const placement::View> view_;
  std::size_t pending_count_ = 0;
  std::vector<ExpertPlace> added_;  // for views that are not in use
  bool failed_ = false;             // something of the view could not be loaded
  BackgroundLoader loader_;
};

}  // namespace switchyard::engine
