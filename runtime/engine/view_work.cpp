#include "runtime/engine/view_work.h"

#include <algorithm>

#include "runtime/engine/expert_loader.h"

namespace switchyard::engine {

std::vector<ExpertPlace> ViewWork::missing(const placement::View& view) const {
  std::vector<ExpertPlace> places;
  for (std::size_t layer = 0; layer < view.placement.layers(); ++layer) {
    for (const ExpertId expert : view.placement.experts_of(layer, self_)) {
      if (store_.find(layer, expert) == nullptr) places.push_back({layer, expert});
    }
  }
  return places;
}

bool ViewWork::placed(const placement::View& view, std::size_t layer, ExpertId expert) const {
  const auto held = view.placement.experts_of(layer, self_);
  return std::ranges::find(held, expert) != held.end();
}

void ViewWork::start(std::shared_ptr<const placement::View> view, const placement::View* newest) {
  view_ = std::move(view);
  failed_ = false;
  drop_added(newest, view_.get());
  resume();
}

void ViewWork::drop_added(const placement::View* newest, const placement::View* coming) {
  std::erase_if(added_, [&](const ExpertPlace& place) {
    for (const auto* view : {newest, coming}) {
      if (view != nullptr && placed(*view, place.moe_layer, place.expert)) return false;
    }
    store_.remove(place.moe_layer, place.expert);
    return true;
  });
}

void ViewWork::resume() {
  auto places = view_ ? missing(*view_) : std::vector<ExpertPlace>();
  pending_count_ = places.size();
  loader_.start(std::move(places));
}

Result<bool> ViewWork::advance() {
  while (pending_count_ > 0) {
    auto loaded = loader_.take();
    if (!loaded) break;
    if (!loaded->packed) {
      pending_count_ = 0;
      failed_ = true;
      return Unexpected(std::move(loaded->packed).error());
    }
    store_.add(loaded->place.moe_layer, loaded->place.expert, std::move(loaded->packed).value());
    added_.push_back(loaded->place);
    --pending_count_;
  }
  return pending_count_ > 0;
}

void ViewWork::finished() {
  view_.reset();
  added_.clear();
  resume();
}

void ViewWork::give_up(const placement::View* newest) {
  if (failed_) drop_added(newest, nullptr);
  view_.reset();
  resume();
}

Result<void> ViewWork::load_now(const placement::View& view) {
  const auto places = missing(view);
  if (places.empty()) return {};
  pause();  // what is loaded and not taken in yet is loaded again: that is rare, and simple
  for (const auto& [layer, expert] : places) {
    SY_ASSIGN(auto packed, load_expert(source_, device_, layer, expert));
    store_.add(layer, expert, std::move(packed));
  }
  resume();
  return {};
}

void ViewWork::keep_only(const placement::View& current) {
  for (std::size_t layer = 0; layer < current.placement.layers(); ++layer) {
    for (std::uint32_t e = 0; e < current.placement.experts(); ++e) {
      const ExpertId expert(e);
      const bool prepared = view_ && placed(*view_, layer, expert);
      if (!prepared && !placed(current, layer, expert)) store_.remove(layer, expert);
    }
  }
  std::erase_if(added_, [this](const ExpertPlace& place) {
    return store_.find(place.moe_layer, place.expert) == nullptr;
  });
}

}  // namespace switchyard::engine
