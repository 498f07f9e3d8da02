// runtime/engine/router_buffers.h -- the working memory of a router's steps: the activations of its
// micro-batches, and what the head leaves for the host. Part of it is page-locked on a GPU, and
// making that may wait for every kernel there: a rank that may have to route once rows move between
// GPUs makes all of it before they do (docs/adr/0010). Not the KV cache and not the model's
// weights. Thread safety: shared objects: unsafe.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device.h"
#include "runtime/base/buffer.h"
#include "runtime/engine/micro_batch.h"
#include "runtime/model/model_config.h"

namespace switchyard::engine {

struct RouterBufferSizes {
  std::size_t micro_batches = 1;
  std::size_t tokens_max = 0;     // of a micro-batch
  std::size_t head_rows_max = 0;  // whose logits are made at a time
};

struct RouterBuffers {
  // Errors: kLimit where the device has not so much memory.
  [[nodiscard]] static Result<RouterBuffers> create(const RouterBufferSizes& sizes,
                                                    const model::ModelConfig& config,
                                                    kernels::Device& device);

  std::vector<MicroBatch> batches;
  Array<float> logits;              // [head_rows_max, V]
  Array<std::uint32_t> greedy_ids;  // [head_rows_max]
};

}  // namespace switchyard::engine
