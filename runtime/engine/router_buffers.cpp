#include "runtime/engine/router_buffers.h"

#include "runtime/model/activations.h"

namespace switchyard::engine {

Result<RouterBuffers> RouterBuffers::create(const RouterBufferSizes& sizes,
                                            const model::ModelConfig& config,
                                            kernels::Device& device) {
  RouterBuffers buffers;
  buffers.batches.reserve(sizes.micro_batches);
  for (std::size_t i = 0; i < sizes.micro_batches; ++i) {
    SY_ASSIGN(auto work, model::Activations::create(config, device, sizes.tokens_max));
    buffers.batches.emplace_back(std::move(work));
  }
  SY_ASSIGN(auto logits, device.allocate_wire(sizes.head_rows_max * config.vocab * sizeof(float)));
  buffers.logits = Array<float>(std::move(logits));
  SY_ASSIGN(auto ids, device.allocate_wire(sizes.head_rows_max * sizeof(std::uint32_t)));
  buffers.greedy_ids = Array<std::uint32_t>(std::move(ids));
  return buffers;
}

}  // namespace switchyard::engine
