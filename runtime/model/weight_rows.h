// runtime/model/weight_rows.h -- helpers that read weights into the forms the model needs: vectors,
// joined matrices, packed SwiGLU blocks.
// Thread safety: pure but for the source and device they are given.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/model/weight_source.h"

namespace switchyard::model {

// Looks at every element. Errors: kBadInput naming [row, column] of the first that is not finite.
// For what is uploaded as it is: packing checks by itself.
[[nodiscard]] Result<void> check_finite(const kernels::WeightView& view);

// What packing these weights has come to, with the file and the tensor of the one that is at fault
// in front where it is one that is not finite.
[[nodiscard]] Unexpected with_bad_weight(Error error, WeightSource& source,
                                         std::initializer_list<WeightId> ids);

// A [1, n] weight as fp32. Errors: the source's; kBadInput for a non-finite value.
[[nodiscard]] Result<std::vector<float>> read_vector(WeightSource& source, const WeightId& id);

// The same in device memory.
[[nodiscard]] Result<kernels::DeviceMemory> load_vector(WeightSource& source,
                                                        kernels::Device& device,
                                                        const WeightId& id);

// Matrices of equal width stacked by rows; owns the bytes its view shows.
struct JoinedWeight {
  HostBuffer bytes;
  kernels::WeightView view;
};
[[nodiscard]] Result<JoinedWeight> join_rows(WeightSource& source,
                                             std::initializer_list<WeightId> ids);

// The three matrices of a SwiGLU block. The source shows one view at a time, so the parts are
// copied before they are packed.
struct SwigluIds {
  WeightId gate;
  WeightId up;
  WeightId down;
};
[[nodiscard]] Result<std::unique_ptr<kernels::PackedExpert>> pack_swiglu(WeightSource& source,
                                                                         kernels::Device& device,
                                                                         const SwigluIds& ids);

}  // namespace switchyard::model
