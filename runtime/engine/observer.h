// runtime/engine/observer.h -- who wants to see what the engine computes: results, tokens, logits,
// routing decisions. Calls come from the engine thread, between the ops of a step.
// Thread safety: implementations are called from one thread.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/engine/sequence.h"
#include "runtime/routing/router.h"
#include "runtime/routing/selection.h"

namespace switchyard::engine {

// Views that are valid during the call.
struct RoutedRows {
  std::size_t moe_layer = 0;
  std::span<const SequenceId> sequences;  // [T] whose rows they are
  MatrixView<const float> logits;         // [T, E] of the gate; may be empty where nobody wants it
  const routing::TokenSignals& signals;
  const routing::Selections& selections;
};

class Observer {
 public:
  virtual ~Observer() = default;
  // Whether on_logits() is to be called for this sequence. Asked before each of its rows; the
  // logits of a row that nobody wants may never reach the host.
  [[nodiscard]] virtual bool wants_logits(const SequenceRequest& /*request*/) const {
    return false;
  }
  // The logits [V] after `position` tokens of the sequence and its next one (0-based position).
  virtual void on_logits(const SequenceRequest& /*request*/, std::size_t /*position*/,
                         std::span<const float> /*logits*/) {}
  virtual void on_token(const SequenceRequest& /*request*/, std::uint32_t /*token*/) {}
  // For who keeps it. NOLINTNEXTLINE(performance-unnecessary-value-param)
  virtual void on_finished(SequenceResult /*result*/) {}
  // Whether on_routed() is to see the gate's logits.
  [[nodiscard]] virtual bool wants_gate_logits() const { return false; }
  // One micro-batch of one MoE layer.
  virtual void on_routed(const RoutedRows& /*rows*/) {}
};

}  // namespace switchyard::engine
