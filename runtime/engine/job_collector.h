// runtime/engine/job_collector.h -- the observer that turns what the engine computes into a
// JobResult: results, negative log-likelihoods, kept logits and selections, routing statistics.
// Thread safety: shared objects: unsafe (the engine thread).
#pragma once

#include <unordered_map>

#include "runtime/engine/job.h"
#include "runtime/engine/observer.h"

namespace switchyard::engine {

class JobCollector final : public Observer {
 public:
  // `next` sees every event too (nullptr: nobody).
  JobCollector(const JobKeeps& keeps, routing::RoutingStats stats, Observer* next);

  [[nodiscard]] bool wants_logits(const SequenceRequest& request) const override;
  void on_logits(const SequenceRequest& request, std::size_t position,
                 std::span<const float> logits) override;
  void on_token(const SequenceRequest& request, std::uint32_t token) override;
  void on_finished(SequenceResult result) override;
  [[nodiscard]] bool wants_gate_logits() const override;
  void on_routed(const RoutedRows& rows) override;

  [[nodiscard]] std::size_t finished_count() const noexcept { return finished_; }
  [[nodiscard]] std::uint64_t token_count() const noexcept { return tokens_; }
  // The result, sequences by id; the collector is empty afterwards.
  [[nodiscard]] JobResult take();

 private:
  JobKeeps keeps_;
  Observer* next_;
  JobResult result_;
  std::size_t finished_ = 0;
  std::uint64_t tokens_ = 0;
  // Notes k beside that of the sequence's token before. One look-up a run of a sequence's rows.
  void note_successions(const RoutedRows& rows);

  std::unordered_map<SequenceId, std::vector<std::uint16_t>> last_k_;  // [layers] of live sequences
  std::unordered_map<SequenceId, double> nll_;
  std::unordered_map<SequenceId, LogitsBlock> logits_;
  std::unordered_map<SequenceId, SelectionBlock> selections_;
};

}  // namespace switchyard::engine
