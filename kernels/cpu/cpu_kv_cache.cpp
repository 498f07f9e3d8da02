#include "kernels/cpu/cpu_kv_cache.h"

#include <cstring>

namespace switchyard::kernels::cpu {
namespace {

std::size_t step_elements(Precision precision) { return precision == Precision::kBf16 ? 2 : 1; }

}  // namespace

CpuKvCache::CpuKvCache(const KvCacheShape& shape, Precision precision)
    : shape_(shape),
      precision_(precision),
      value_columns_((shape.head_size + 15) / 16 * 16),
      value_offset_bytes_((shape.head_size + step_elements(precision) - 1) /
                          step_elements(precision) * kAttentionBlock * kStepBytes),
      block_bytes_(value_offset_bytes_ +
                   kAttentionBlock / step_elements(precision) * value_columns_ * kStepBytes),
      memory_(shape.layers * shape.pages * shape.kv_heads * block_bytes_) {}

void CpuKvCache::write(std::size_t layer, std::size_t kv_head, std::uint32_t page,
                       std::size_t offset, const float* key, const float* value) noexcept {
  std::byte* block = memory_.data() +
                     ((layer * shape_.pages + page) * shape_.kv_heads + kv_head) * block_bytes_;
  if (precision_ == Precision::kBf16) {
    write_as<Bf16>(block, offset, key, value);
  } else {
    write_as<float>(block, offset, key, value);
  }
}

template <class T>
void CpuKvCache::write_as(std::byte* block, std::size_t offset, const float* key,
                          const float* value) noexcept {
  constexpr std::size_t kElements = kStepBytes / sizeof(T);
  const auto narrow = [](float x) {
    if constexpr (sizeof(T) == 2) {
      return to_bf16(x);
    } else {
      return x;
    }
  };
  std::byte* values = block + value_offset_bytes_;
  for (std::size_t i = 0; i < shape_.head_size; ++i) {
    const T k = narrow(key[i]);
    std::memcpy(block + ((i / kElements) * kAttentionBlock + offset) * kStepBytes +
                    (i % kElements) * sizeof(T),
                &k, sizeof k);
    const T v = narrow(value[i]);
    std::memcpy(values + ((offset / kElements) * value_columns_ + i) * kStepBytes +
                    (offset % kElements) * sizeof(T),
                &v, sizeof v);
  }
}

}  // namespace switchyard::kernels::cpu
