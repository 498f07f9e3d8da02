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
      tokens_max_(tokens_max),
      residual_(tokens_max * hidden_),
      normed_(tokens_max * hidden_),
      qkv_(tokens_max * (query_ + 2 * key_)),
      gate_(tokens_max * experts_),
      variance_(tokens_max),
      operand_(tokens_max * hidden_ * size_bytes(operand_dtype_)),
      attention_(tokens_max * query_ * size_bytes(operand_dtype_)) {
  bytes_ = operand_.bytes() + attention_.bytes() +
           sizeof(float) *
               (residual_.size() + normed_.size() + qkv_.size() + gate_.size() + variance_.size());
}

void Activations::resize(std::size_t tokens) {
  SY_CHECK(tokens <= tokens_max_, "{} tokens of {}", tokens, tokens_max_);
  tokens_ = tokens;
}

}  // namespace switchyard::model
