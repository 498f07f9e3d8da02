// Engine's routing: by the host's router, or by a device that chooses experts itself wherever
// nobody wants to see the gate's logits.
#include "runtime/engine/engine.h"

namespace switchyard::engine {
namespace {

// False where the host has to decide for a row.
bool take_selected(const kernels::SelectedRows& selected, routing::Selections& out) {
  for (std::size_t t = 0; t < selected.count.size(); ++t) {
    const std::size_t k = selected.count[t];
    if (k == 0) return false;
    for (std::size_t j = t * selected.k_max; j < t * selected.k_max + k; ++j) {
      out.experts.emplace_back(selected.experts[j]);
      out.weights.push_back(selected.weights[j]);
    }
    out.slot_begin.push_back(static_cast<std::uint32_t>(out.experts.size()));
    out.fallbacks.push_back(routing::Fallback::kNone);
  }
  return true;
}

}  // namespace

// All layers or none.
void Engine::compile_rules() {
  rules_.clear();
  if (!transformer_.can_select()) return;
  for (std::size_t layer = 0; layer < transformer_.config().moe_layer_count(); ++layer) {
    if (router_->compile(layer, rules_.emplace_back())) continue;
    rules_.clear();
    return;
  }
}

const SelectionRule* Engine::device_rule(std::size_t moe_layer) const {
  const bool seen = observer_ != nullptr && observer_->wants_gate_logits();
  return rules_.empty() || seen ? nullptr : &rules_[moe_layer];
}

// A row that the device leaves to the host (logits that are not finite) brings the batch's logits
// over: they decide the other rows as the device has.
Result<void> Engine::route(std::size_t moe_layer, const SelectionRule* rule, MicroBatch& batch) {
  auto& selections = batch.selections();
  selections.clear();
  const auto signals = batch.signals(needs_);
  MatrixView<const float> logits;
  if (rule == nullptr || !take_selected(batch.work().selected(rule->k_max), selections)) {
    if (rule != nullptr) SY_TRY(transformer_.bring_gate_logits(batch.work()));
    selections.clear();
    logits = batch.work().gate_logits();
    router_->route(moe_layer, logits, signals, selections);
  }
  if (observer_ != nullptr) {
    observer_->on_routed({moe_layer, batch.sequences(), logits, signals, selections});
  }
  return {};
}

}  // namespace switchyard::engine
