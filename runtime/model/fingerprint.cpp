#include "runtime/model/fingerprint.h"

#include <fmt/ranges.h>

#include <bit>
#include <string>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace switchyard::model {

std::uint64_t fingerprint(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

std::uint64_t fingerprint(const ModelConfig& config) {
  // By their number: a new field does not compile until it is here.
  const auto& [family, vocab, hidden, layers, heads, kv_heads, head_size, context_max, rope_theta,
               norm_eps, tied_embeddings, qk_norm, clip_qkv, experts, experts_per_token,
               expert_inner, norm_topk_prob, dense_inner, moe_layer, eos_tokens, aux_loss_coef] =
      config;
  const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  std::string layer_kinds;
  for (const bool moe : moe_layer) layer_kinds += moe ? 'm' : 'd';
  return fingerprint(fmt::format("{}|{} {} {} {} {} {} {}|{} {} {} {} {}|{} {} {} {} {}|{}|{}|{}",
                                 family, vocab, hidden, layers, heads, kv_heads, head_size,
                                 context_max, bits(rope_theta), bits(norm_eps), tied_embeddings,
                                 static_cast<int>(qk_norm), bits(clip_qkv), experts,
                                 experts_per_token, expert_inner, norm_topk_prob, dense_inner,
                                 layer_kinds, fmt::join(eos_tokens, ","), bits(aux_loss_coef)));
}

}  // namespace switchyard::model
