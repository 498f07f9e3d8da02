// kernels/cpu/cpu_kv_cache.h -- keys and values in the layout of kernels/ops/attention.h: a block
// per layer, page and kv head. Zeroed when made, so that masked positions multiply as zeros. Thread
// safety: writes to different (kv head, position) may run together; else shared objects: unsafe.
#pragma once

#include <memory>

#include "kernels/device.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/gemm.h"
#include "runtime/base/buffer.h"

namespace switchyard::kernels::cpu {

// Where a position of a layer lives in the pool.
struct KvPlace {
  std::size_t layer = 0;
  std::uint32_t page = 0;
  std::size_t offset = 0;  // of the position in its page
};

class CpuKvCache final : public KvCache {
 public:
  // Errors: kLimit where there is no memory for it.
  [[nodiscard]] static Result<std::unique_ptr<CpuKvCache>> create(const KvCacheShape& shape,
                                                                  Precision precision);
  const KvCacheShape& shape() const noexcept override { return shape_; }
  std::size_t bytes() const noexcept override { return memory_.bytes(); }

  [[nodiscard]] std::size_t value_columns() const noexcept { return value_columns_; }
  [[nodiscard]] std::size_t value_offset_bytes() const noexcept { return value_offset_bytes_; }
  [[nodiscard]] std::size_t block_bytes() const noexcept { return block_bytes_; }
  // From one page of a head to the next.
  [[nodiscard]] std::size_t page_bytes() const noexcept { return shape_.kv_heads * block_bytes_; }
  [[nodiscard]] const std::byte* blocks(std::size_t layer, std::size_t kv_head) const noexcept {
    return memory_.data() + (layer * shape_.pages * shape_.kv_heads + kv_head) * block_bytes_;
  }

  // Zeroes the values of a page that a sequence begins to fill: what an earlier owner left there
  // (even a NaN) must not reach the products with zero of masked positions.
  void clear_values(std::size_t layer, std::uint32_t page) noexcept;
  // Stores one position of one head. key, value: [h] in the operand type.
  void write(const KvPlace& place, std::size_t kv_head, const std::byte* key,
             const std::byte* value) noexcept;

 private:
  CpuKvCache(const KvCacheShape& shape, Precision precision);  // without memory
  [[nodiscard]] std::byte* block(std::size_t layer, std::uint32_t page,
                                 std::size_t kv_head) noexcept {
    return memory_.data() +
           ((layer * shape_.pages + page) * shape_.kv_heads + kv_head) * block_bytes_;
  }

  KvCacheShape shape_;
  Precision precision_;
  std::size_t value_columns_;
  std::size_t value_offset_bytes_;
  std::size_t block_bytes_;
  HostBuffer memory_;
};

}  // namespace switchyard::kernels::cpu
