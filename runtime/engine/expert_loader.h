// runtime/engine/expert_loader.h -- reads and packs experts from a checkpoint, one at a time.
// Thread safety: the rank's engine thread (they use its device).
#pragma once

#include <memory>

#include "kernels/device.h"
#include "runtime/base/ids.h"
#include "runtime/model/weight_source.h"

namespace switchyard::engine {

// The expert of a layer that is the `moe_layer`-th with experts. Reads no other expert's bytes.
// Errors: the source's and the packing's, naming layer and expert.
[[nodiscard]] Result<std::unique_ptr<kernels::PackedExpert>> load_expert(
    model::WeightSource& source, kernels::Device& device, std::size_t moe_layer, ExpertId expert);

}  // namespace switchyard::engine
