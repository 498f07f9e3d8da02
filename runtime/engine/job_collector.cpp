#include "runtime/engine/job_collector.h"

#include <algorithm>
#include <cmath>

namespace switchyard::engine {
namespace {

// -log softmax(logits)[target], in fp64 with the maximum subtracted.
double negative_log_likelihood(std::span<const float> logits, std::uint32_t target) {
  const double highest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return highest + std::log(sum) - static_cast<double>(logits[target]);
}

constexpr std::uint16_t kNoToken = 0xFFFF;  // before a sequence's first token

template <class Block>
void sort_by_id(std::vector<Block>& blocks) {
  std::sort(blocks.begin(), blocks.end(),
            [](const Block& a, const Block& b) { return a.id < b.id; });
}

}  // namespace

JobCollector::JobCollector(const JobKeeps& keeps, routing::RoutingStats stats, Observer* next)
    : keeps_(keeps), next_(next) {
  result_.stats = std::move(stats);
}

bool JobCollector::wants_logits(const SequenceRequest& request) const {
  return keeps_.logits || !request.targets.empty() ||
         (next_ != nullptr && next_->wants_logits(request));
}

void JobCollector::on_logits(const SequenceRequest& request, std::size_t position,
                             std::span<const float> logits) {
  if (position < request.targets.size()) {
    nll_[request.id] += negative_log_likelihood(logits, request.targets[position]);
  }
  if (keeps_.logits) {
    auto& block = logits_[request.id];
    block.id = request.id;
    ++block.rows;
    block.values.insert(block.values.end(), logits.begin(), logits.end());
  }
  if (next_ != nullptr && next_->wants_logits(request)) {
    next_->on_logits(request, position, logits);
  }
}

void JobCollector::on_token(const SequenceRequest& request, std::uint32_t token) {
  ++tokens_;
  if (next_ != nullptr) next_->on_token(request, token);
}

void JobCollector::on_finished(SequenceResult result) {
  ++finished_;
  // Taken out: whoever serves for days meets ever new sequences.
  last_k_.erase(result.id);
  if (const auto nll = nll_.extract(result.id)) result.nll = nll.mapped();
  if (keeps_.sequences) {
    if (next_ != nullptr) next_->on_finished(result);
    result_.sequences.push_back(std::move(result));
  } else if (next_ != nullptr) {
    next_->on_finished(std::move(result));
  }
}

bool JobCollector::wants_gate_logits() const {
  return keeps_.gate_stats || (next_ != nullptr && next_->wants_gate_logits());
}

void JobCollector::note_successions(const RoutedRows& rows) {
  std::uint16_t* last = nullptr;
  for (std::size_t t = 0; t < rows.sequences.size(); ++t) {
    if (t == 0 || rows.sequences[t] != rows.sequences[t - 1]) {
      auto& of_layers = last_k_[rows.sequences[t]];
      if (of_layers.empty()) of_layers.assign(result_.stats.shape().layers, kNoToken);
      last = &of_layers[rows.moe_layer];
    }
    const std::size_t k = rows.selections.k(t);
    if (*last != kNoToken) result_.stats.add_succession(rows.moe_layer, *last, k);
    *last = static_cast<std::uint16_t>(k);
  }
}

void JobCollector::on_routed(const RoutedRows& rows) {
  result_.stats.add(rows.moe_layer, rows.selections);
  note_successions(rows);
  if (keeps_.gate_stats) result_.stats.add_gate(rows.moe_layer, rows.logits);
  if (keeps_.selections) {
    for (std::size_t t = 0; t < rows.sequences.size(); ++t) {
      auto& block = selections_[rows.sequences[t]];
      block.id = rows.sequences[t];
      if (block.k.size() <= rows.moe_layer) {
        block.k.resize(rows.moe_layer + 1);
        block.experts.resize(rows.moe_layer + 1);
      }
      block.k[rows.moe_layer].push_back(rows.selections.k(t));
      for (std::uint32_t s = rows.selections.slot_begin[t]; s < rows.selections.slot_begin[t + 1];
           ++s) {
        block.experts[rows.moe_layer].push_back(rows.selections.experts[s].value());
      }
    }
  }
  if (next_ != nullptr) next_->on_routed(rows);
}

JobResult JobCollector::take() {
  for (auto& [id, block] : logits_) result_.logits.push_back(std::move(block));
  for (auto& [id, block] : selections_) result_.selections.push_back(std::move(block));
  logits_.clear();
  selections_.clear();
  sort_by_id(result_.sequences);
  sort_by_id(result_.logits);
  sort_by_id(result_.selections);
  return std::move(result_);
}

}  // namespace switchyard::engine
