#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/packed_weights.h"

namespace switchyard::kernels::cuda {
namespace {

constexpr std::size_t kHeadRounding = 8;

}  // namespace

CudaKvCache::CudaKvCache(const KvCacheShape& shape, DType dtype) : shape_(shape) {
  const std::size_t padded = (shape.head_size + kHeadRounding - 1) / kHeadRounding * kHeadRounding;
  blocks_.dtype = dtype;
  blocks_.row_bytes = padded * size_bytes(dtype);
  blocks_.half_bytes = kKvPageTokens * blocks_.row_bytes;
  blocks_.head_bytes = 2 * blocks_.half_bytes;
  blocks_.page_bytes = shape.kv_heads * blocks_.head_bytes;
}

Result<std::unique_ptr<KvCache>> CudaKvCache::create(const Stream& stream,
                                                     const KvCacheShape& shape, DType dtype) {
  std::unique_ptr<CudaKvCache> cache(new CudaKvCache(shape, dtype));
  SY_ASSIGN(cache->memory_,
            allocate_device(shape.layers * shape.pages * cache->blocks_.page_bytes));
  if (cache->bytes() != 0) {
    SY_TRY(check(cudaMemsetAsync(cache->memory_.data(), 0, cache->bytes(), stream.get()),
                 "clearing the KV cache"));
  }
  return cache;
}

KvBlocks CudaKvCache::blocks(std::size_t layer) noexcept {
  KvBlocks blocks = blocks_;
  blocks.base = memory_.data() + layer * shape_.pages * blocks_.page_bytes;
  return blocks;
}

}  // namespace switchyard::kernels::cuda
