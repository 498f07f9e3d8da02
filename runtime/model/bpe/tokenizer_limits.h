// runtime/model/bpe/tokenizer_limits.h -- the maxima of a tokenizer; beyond them the error is
// kLimit. Far above any published tokenizer (Qwen3: 11 MB, 151,669 ids, longest token 256 bytes).
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchyard::model::bpe {

struct TokenizerLimits {
  std::size_t file_bytes_max = 128U << 20U;
  std::uint32_t id_max = (1U << 21U) - 1;
  std::size_t merges_max = 1U << 21U;
  std::size_t token_bytes_max = 8192;
  std::size_t added_tokens_max = 1U << 16U;
  std::size_t split_steps_max = 16;
  std::size_t pattern_bytes_max = 8192;
  std::size_t text_bytes_max = 1U << 30U;  // of one encode()
};

}  // namespace switchyard::model::bpe
