#include "runtime/model/activations.h"

#include "runtime/base/check.h"

namespace switchyard::model {

Activations::Activations(const ModelConfig& config, kernels::Precision precision,
                         std::size_t tokens_max)
    : hidden_(config.hidden),
      query_(config.heads * config.head_size),
      key_(config.kv_heads * config.head_size),
      experts_(config.experts),
      operand_dtype_(kernels::operand_dtype(precision)),
      tokens_max_(tokens_max) {}

Result<Activations> Activations::create(const ModelConfig& config, kernels::Device& device,
                                        std::size_t tokens_max) {
  Activations work(config, device.precision(), tokens_max);
  const std::size_t fp32_row_bytes = tokens_max * sizeof(float);
  const std::size_t operand_row_bytes = tokens_max * size_bytes(work.operand_dtype_);
  SY_ASSIGN(work.residual_, device.allocate(work.hidden_ * fp32_row_bytes));
  SY_ASSIGN(work.normed_, device.allocate(work.hidden_ * fp32_row_bytes));
  SY_ASSIGN(work.qkv_, device.allocate((work.query_ + 2 * work.key_) * fp32_row_bytes));
  SY_ASSIGN(work.operand_, device.allocate(work.hidden_ * operand_row_bytes));
  SY_ASSIGN(work.attention_, device.allocate(work.query_ * operand_row_bytes));
  SY_ASSIGN(auto gate, device.allocate_wire(work.experts_ * fp32_row_bytes));
  SY_ASSIGN(auto variance, device.allocate_wire(fp32_row_bytes));
  work.gate_ = Array<float>(std::move(gate));
  work.variance_ = Array<float>(std::move(variance));
  work.bytes_ = work.residual_.bytes() + work.normed_.bytes() + work.qkv_.bytes() +
                work.operand_.bytes() + work.attention_.bytes() +
                sizeof(float) * (work.gate_.size() + work.variance_.size());
  if (device.expert_selector() != nullptr) SY_TRY(work.make_selected(device));
  return work;
}

// A rule keeps all experts at most.
Result<void> Activations::make_selected(kernels::Device& device) {
  const std::size_t slot_bytes = tokens_max_ * experts_ * sizeof(float);
  SY_ASSIGN(device_gate_, device.allocate(slot_bytes));
  SY_ASSIGN(auto count, device.allocate_wire(tokens_max_ * sizeof(std::uint32_t)));
  SY_ASSIGN(auto experts, device.allocate_wire(slot_bytes));
  SY_ASSIGN(auto weights, device.allocate_wire(slot_bytes));
  selected_count_ = Array<std::uint32_t>(std::move(count));
  selected_experts_ = Array<std::uint32_t>(std::move(experts));
  selected_weights_ = Array<float>(std::move(weights));
  bytes_ += 3 * slot_bytes + tokens_max_ * sizeof(std::uint32_t);
  return {};
}

void Activations::resize(std::size_t tokens) {
  SY_CHECK(tokens <= tokens_max_, "{} tokens of {}", tokens, tokens_max_);
  tokens_ = tokens;
}

}  // namespace switchyard::model
