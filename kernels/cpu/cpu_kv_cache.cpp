#include "kernels/cpu/cpu_kv_cache.h"

#include <cstring>

#include "runtime/base/try_buffer.h"

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
                   kAttentionBlock / step_elements(precision) * value_columns_ * kStepBytes) {}

Result<std::unique_ptr<CpuKvCache>> CpuKvCache::create(const KvCacheShape& shape,
                                                       Precision precision) {
  std::unique_ptr<CpuKvCache> cache(new CpuKvCache(shape, precision));
  auto memory = try_buffer(shape.layers * shape.pages * shape.kv_heads * cache->block_bytes_);
  if (!memory) return with_place(std::move(memory).error(), "KV cache (engine.kv_mib)");
  cache->memory_ = std::move(memory).value();
  return cache;
}

void CpuKvCache::clear_values(std::size_t layer, std::uint32_t page) noexcept {
  for (std::size_t g = 0; g < shape_.kv_heads; ++g) {
    std::memset(block(layer, page, g) + value_offset_bytes_, 0, block_bytes_ - value_offset_bytes_);
  }
}

void CpuKvCache::write(const KvPlace& place, std::size_t kv_head, const std::byte* key,
                       const std::byte* value) noexcept {
  constexpr std::size_t kKeyStride = kAttentionBlock * kStepBytes;
  std::byte* keys = block(place.layer, place.page, kv_head) + place.offset * kStepBytes;
  const std::size_t elements = step_elements(precision_);
  const std::size_t key_steps = shape_.head_size / elements;  // head sizes are even
  for (std::size_t s = 0; s < key_steps; ++s) {
    std::memcpy(keys + s * kKeyStride, key + s * kStepBytes, kStepBytes);
  }
  std::byte* values = block(place.layer, place.page, kv_head) + value_offset_bytes_ +
                      place.offset / elements * value_columns_ * kStepBytes;
  if (precision_ == Precision::kFp32) {
    std::memcpy(values, value, shape_.head_size * sizeof(float));
    return;
  }
  values += place.offset % 2 * sizeof(Bf16);
  for (std::size_t c = 0; c < shape_.head_size; ++c) {
    std::memcpy(values + c * kStepBytes, value + c * sizeof(Bf16), sizeof(Bf16));
  }
}

}  // namespace switchyard::kernels::cpu
