#include "runtime/engine/view_work.h"

#include <algorithm>

#include "runtime/engine/expert_loader.h"

namespace switchyard::engine {

void ViewWork::start(std::shared_ptr<const placement::View> view) {
  abandon();
  view_ = std::move(view);
  for (std::size_t layer = 0; layer < view_->placement.layers(); ++layer) {
    for (const ExpertId expert : view_->placement.experts_of(layer, self_)) {
      if (store_.find(layer, expert) == nullptr) missing_.emplace_back(layer, expert);
    }
  }
}

Result<bool> ViewWork::advance() {
  if (missing_.empty()) return false;
  const auto [layer, expert] = missing_.front();
  SY_ASSIGN(auto packed, load_expert(source_, device_, layer, expert));
  store_.add(layer, expert, std::move(packed));
  missing_.pop_front();
  return !missing_.empty();
}

void ViewWork::abandon() {
  view_.reset();
  missing_.clear();
}

void ViewWork::keep_only(const placement::View& current) {
  for (std::size_t layer = 0; layer < current.placement.layers(); ++layer) {
    const auto held = current.placement.experts_of(layer, self_);
    for (std::uint32_t e = 0; e < current.placement.experts(); ++e) {
      if (std::ranges::find(held, ExpertId(e)) == held.end()) store_.remove(layer, ExpertId(e));
    }
  }
}

}  // namespace switchyard::engine
