// The matmuls of CpuDevice: projections, gate and the FFNs, all as loops over panels.
#include <algorithm>

#include "kernels/cpu/cpu_device.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cpu {
namespace {

ConstRowTable table_of(Rows x, const std::uint32_t* index) {
  return {x.data, x.stride * size_bytes(x.dtype), index};
}
RowTable table_of(MutableRows y, const std::uint32_t* index) {
  return {y.data, y.stride * size_bytes(y.dtype), index};
}
ConstRowTable table_of(MatrixView<const float> x) {
  return {reinterpret_cast<const std::byte*>(x.data()), x.stride() * sizeof(float), nullptr};
}
RowTable table_of(MatrixView<float> y) {
  return {reinterpret_cast<std::byte*>(y.data()), y.stride() * sizeof(float), nullptr};
}

}  // namespace

Epilogue CpuDevice::swiglu() const noexcept {
  return precision_ == Precision::kBf16 ? Epilogue::kSwigluBf16 : Epilogue::kSwigluF32;
}

MutableRows CpuDevice::inner_rows(std::size_t rows, std::size_t inner) {
  const DType dtype = operand_dtype(precision_);
  SY_CHECK(rows * inner * size_bytes(dtype) <= inner_.bytes(),
           "{} rows of inner size {}: reserve() was for fewer", rows, inner);
  return {inner_.data(), dtype, rows, inner, inner};
}

void CpuDevice::gemm(Rows x, const PackedMatrix& weight, MatrixView<float> y, Store store) {
  const auto& panels = dynamic_cast<const CpuPackedMatrix&>(weight).panels;
  SY_CHECK(x.cols == panels.in && y.cols() == panels.columns && x.rows == y.rows() &&
               x.dtype == operand_dtype(precision_),
           "x [{}, {}] W [{}, {}] y [{}, {}]", x.rows, x.cols, panels.columns, panels.in, y.rows(),
           y.cols());
  panel_loop_.clear();
  panel_loop_.add({&panels, x.rows, table_of(x, nullptr), table_of(y)});
  panel_loop_.run(kernels_.gemm, store == Store::kAdd ? Epilogue::kAddF32 : Epilogue::kSetF32);
}

void CpuDevice::gate(MatrixView<const float> x, const PackedMatrix& gate,
                     MatrixView<float> logits) {
  const auto& panels = dynamic_cast<const CpuPackedMatrix&>(gate).panels;
  SY_CHECK(x.cols() == panels.in && logits.cols() == panels.columns && x.rows() == logits.rows(),
           "x [{}, {}] G [{}, {}] logits [{}, {}]", x.rows(), x.cols(), panels.columns, panels.in,
           logits.rows(), logits.cols());
  panel_loop_.clear();
  panel_loop_.add({&panels, x.rows(), table_of(x), table_of(logits)});
  panel_loop_.run(kernels_.gate, Epilogue::kSetF32);
}

void CpuDevice::dense_ffn(Rows x, const PackedExpert& ffn, MatrixView<float> y) {
  const auto& expert = dynamic_cast<const CpuPackedExpert&>(ffn);
  SY_CHECK(x.rows == y.rows() && x.cols == expert.hidden() && y.cols() == expert.hidden() &&
               x.dtype == operand_dtype(precision_),
           "x [{}, {}] d {} y [{}, {}]", x.rows, x.cols, expert.hidden(), y.rows(), y.cols());
  const MutableRows inner = inner_rows(x.rows, expert.inner());
  panel_loop_.clear();
  panel_loop_.add({&expert.up, x.rows, table_of(x, nullptr), table_of(inner, nullptr)});
  panel_loop_.run(kernels_.gemm, swiglu());
  panel_loop_.clear();
  panel_loop_.add({&expert.down, x.rows, table_of(Rows(inner), nullptr), table_of(y)});
  panel_loop_.run(kernels_.gemm, Epilogue::kAddF32);
}

void CpuDevice::expert_ffn(Rows x, std::span<const std::uint32_t> pair_row,
                           std::span<const std::uint32_t> pair_out,
                           std::span<const ExpertGroup> groups, MutableRows y) {
  SY_CHECK(pair_row.size() == pair_out.size() && x.dtype == operand_dtype(precision_) &&
               y.dtype != DType::kF16,
           "{} and {} pairs, x {}, y {}", pair_row.size(), pair_out.size(), to_string(x.dtype),
           to_string(y.dtype));
  std::size_t width = 0;
  for (const auto& group : groups) width = std::max(width, group.expert->inner());
  const MutableRows inner = inner_rows(pair_row.size(), width);
  const std::size_t inner_stride = inner.row_bytes();
  panel_loop_.clear();
  for (const auto& group : groups) {
    const auto& expert = dynamic_cast<const CpuPackedExpert&>(*group.expert);
    SY_CHECK(expert.hidden() == x.cols && expert.hidden() == y.cols &&
                 group.pair_begin + group.pair_count <= pair_row.size(),
             "expert d {}, x {}, y {}, pairs {}+{} of {}", expert.hidden(), x.cols, y.cols,
             group.pair_begin, group.pair_count, pair_row.size());
    panel_loop_.add({&expert.up,
                     group.pair_count,
                     table_of(x, pair_row.data() + group.pair_begin),
                     {inner.row(group.pair_begin), inner_stride, nullptr}});
  }
  panel_loop_.run(kernels_.gemm, swiglu());
  panel_loop_.clear();
  for (const auto& group : groups) {
    const auto& expert = dynamic_cast<const CpuPackedExpert&>(*group.expert);
    panel_loop_.add({&expert.down,
                     group.pair_count,
                     {inner.row(group.pair_begin), inner_stride, nullptr},
                     table_of(y, pair_out.data() + group.pair_begin)});
  }
  panel_loop_.run(kernels_.gemm, y.dtype == DType::kBf16 ? Epilogue::kSetBf16 : Epilogue::kSetF32);
}

}  // namespace switchyard::kernels::cpu
