// runtime/model/weight_rows.h -- helpers that read weights into the forms the model needs: vectors,
// joined matrices, packed SwiGLU blocks; and the variance of rows.
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

// A [1, n] weight as fp32. Errors: the source's; kBadInput for a non-finite value.
[[nodiscard]] Result<std::vector<float>> read_vector(WeightSource& source, const WeightId& id);

// Matrices of equal width stacked by rows; owns the bytes its view shows.
struct JoinedWeight {
  HostBuffer bytes;
  kernels::WeightView view;
};
[[nodiscard]] Result<JoinedWeight> join_rows(WeightSource& source,
                                             std::initializer_list<WeightId> ids);

// The three matrices of a SwiGLU block. The source shows one view at a time, so the parts are copied
// before they are packed.
struct SwigluIds {
  WeightId gate;
  WeightId up;
  WeightId down;
};
[[nodiscard]] Result<std::unique_ptr<kernels::PackedExpert>> pack_swiglu(WeightSource& source,
                                                                         kernels::Device& device,
                                                                         const SwigluIds& ids);

// out[t] = population variance of x[t]; sums in fp64 in index order.
void row_variance(MatrixView<const float> x, std::span<float> out);

}  // namespace switchyard::model
