#include "kernels/cpu/cpu_device.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/cpu_kv_cache.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cpu {
namespace {

constexpr std::size_t kRowsPerTask = 16;

}  // namespace

CpuDevice::CpuDevice(KernelSet kernels, Precision precision, std::size_t threads)
    : kernels_(std::move(kernels)),
      precision_(precision),
      pool_(threads),
      attention_scratch_(pool_.size() * kAttentionScratchBytes) {}

std::string CpuDevice::description() const {
  return fmt::format("cpu {}, {} thread{}", kernels_.isa, pool_.size(),
                     pool_.size() == 1 ? "" : "s");
}

Result<std::unique_ptr<PackedMatrix>> CpuDevice::pack(const WeightView& weight) {
  SY_ASSIGN(auto panels, pack_matrix(weight, kernels_.gemm, precision_, pool_));
  return std::make_unique<CpuPackedMatrix>(std::move(panels));
}

Result<std::unique_ptr<PackedExpert>> CpuDevice::pack_expert(const WeightView& gate,
                                                             const WeightView& up,
                                                             const WeightView& down) {
  SY_ASSIGN(auto gate_up, pack_gate_up(gate, up, kernels_.gemm, precision_, pool_));
  auto packed = pack_matrix(down, kernels_.gemm, precision_, pool_);
  if (!packed) return with_place(std::move(packed).error(), "down");
  return std::make_unique<CpuPackedExpert>(std::move(gate_up), std::move(packed).value());
}

Result<std::unique_ptr<PackedMatrix>> CpuDevice::pack_gate(const WeightView& weight) {
  SY_ASSIGN(auto panels, pack_matrix(weight, kernels_.gate, Precision::kFp32, pool_));
  return std::make_unique<CpuPackedMatrix>(std::move(panels));
}

Result<std::unique_ptr<KvCache>> CpuDevice::make_kv_cache(const KvCacheShape& shape) {
  if (shape.head_size == 0 || shape.head_size % 2 != 0 || shape.head_size > kHeadSizeMax) {
    return fail(ErrorCode::kUnsupported, "head size {} is not an even number up to {}",
                shape.head_size, kHeadSizeMax);
  }
  return std::make_unique<CpuKvCache>(shape, precision_);
}

void CpuDevice::reserve(std::size_t tokens, std::size_t pairs, std::size_t /*hidden*/,
                        std::size_t inner) {
  const std::size_t bytes =
      std::max(pairs, tokens) * inner * size_bytes(operand_dtype(precision_));
  if (bytes > inner_.bytes()) inner_ = HostBuffer(bytes);
  panel_items_.reserve(1U << 16);
  attention_items_.reserve(std::max<std::size_t>(4096, tokens * 64));
}

template <class Body>
void CpuDevice::for_rows(std::size_t rows, const Body& body) {
  const std::size_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  const auto run = [&](const LoopItem& item) {
    const std::size_t end = std::min(rows, (item.index + 1) * kRowsPerTask);
    for (std::size_t r = item.index * kRowsPerTask; r < end; ++r) body(r);
  };
  pool_.parallel_for(tasks, run);
}

void CpuDevice::embed(const WeightView& table, std::span<const std::uint32_t> ids,
                      MatrixView<float> out) {
  SY_CHECK(out.rows() == ids.size() && out.cols() == table.in);
  const std::size_t row_bytes = table.in * size_bytes(table.dtype);
  for (std::size_t t = 0; t < ids.size(); ++t) {
    SY_CHECK(ids[t] < table.out, "id {} of {}", ids[t], table.out);
    const std::byte* from = table.data + ids[t] * row_bytes;
    auto* to = reinterpret_cast<std::byte*>(out.row(t).data());
    switch (table.dtype) {
      case DType::kF32: std::memcpy(to, from, row_bytes); break;
      case DType::kF16: kernels_.rows.f16_to_f32(from, to, table.in); break;
      case DType::kBf16: kernels_.rows.bf16_to_f32(from, to, table.in); break;
    }
  }
}

void CpuDevice::rmsnorm(MatrixView<const float> x, const NormParams& norm, MutableRows operand,
                        MatrixView<float> fp32_out) {
  SY_CHECK(norm.gain.size() == x.cols() && operand.rows == x.rows() && operand.cols == x.cols());
  for_rows(x.rows(), [&](std::size_t t) {
    RmsNormTask task;
    task.x = x.data() + t * x.stride();
    task.gain = norm.gain.data();
    task.n = x.cols();
    task.eps = norm.eps;
    task.operand = operand.row(t);
    task.operand_is_bf16 = operand.dtype == DType::kBf16;
    task.fp32 = fp32_out.empty() ? nullptr : fp32_out.data() + t * fp32_out.stride();
    kernels_.rows.rmsnorm(task);
  });
}

// Panels in order; many rows are cut into blocks so that every thread has several items.
void CpuDevice::run_panels(const GemmKernel& kernel, const Panels& panels,
                           const PanelTask& shape) {
  constexpr std::size_t kBlockRows = 240;
  const std::size_t blocks = (shape.rows + kBlockRows - 1) / kBlockRows;
  const std::size_t items = panels.count() * blocks;
  const std::size_t bytes =
      panels.bytes.bytes() * std::max<std::size_t>(1, shape.rows / kernel.tile_rows);
  for_items(items, bytes, [&](const LoopItem& item) {
    const std::size_t p = item.index / blocks;
    const std::size_t begin = shape.rows * (item.index % blocks) / blocks;
    const std::size_t end = shape.rows * (item.index % blocks + 1) / blocks;
    PanelTask task = shape;
    task.weight = panels.panel(p);
    task.in = panels.in;
    task.width = panels.width(p);
    task.columns = panels.columns_of(p);
    task.rows = end - begin;
    task.x.base = shape.x.base + begin * shape.x.stride_bytes;
    const std::size_t element = shape.epilogue == Epilogue::kSetBf16 ||
                                        shape.epilogue == Epilogue::kSwigluBf16
                                    ? 2
                                    : 4;
    task.y.base = shape.y.base + begin * shape.y.stride_bytes + p * panels.panel_columns * element;
    task.prefetch = item.next != kNoItem && item.next / blocks != p
                        ? panels.panel(item.next / blocks)
                        : nullptr;
    kernel.run(task);
  });
}

void CpuDevice::gemm(Rows x, const PackedMatrix& weight, MatrixView<float> y, Store store) {
  const auto& packed = dynamic_cast<const CpuPackedMatrix&>(weight);
  SY_CHECK(x.cols == packed.in() && y.cols() == packed.out() && x.rows == y.rows() &&
               x.dtype == operand_dtype(precision_),
           "x [{}, {}] W [{}, {}] y [{}, {}]", x.rows, x.cols, packed.out(), packed.in(), y.rows(),
           y.cols());
  if (x.rows == 0) return;
  PanelTask task;
  task.rows = x.rows;
  task.x = {x.data, x.stride * size_bytes(x.dtype), nullptr};
  task.y = {reinterpret_cast<std::byte*>(y.data()), y.stride() * sizeof(float), nullptr};
  task.epilogue = store == Store::kSet ? Epilogue::kSetF32 : Epilogue::kAddF32;
  run_panels(kernels_.gemm, packed.panels, task);
}

void CpuDevice::gate(MatrixView<const float> x, const PackedMatrix& gate,
                     MatrixView<float> logits) {
  const auto& packed = dynamic_cast<const CpuPackedMatrix&>(gate);
  SY_CHECK(x.cols() == packed.in() && logits.cols() == packed.out() && x.rows() == logits.rows());
  if (x.rows() == 0) return;
  // Few columns, so the rows are what is shared out; a row's bits do not depend on the cut.
  constexpr std::size_t kGateRows = 12;
  const std::size_t blocks = (x.rows() + kGateRows - 1) / kGateRows;
  pool_.parallel_for(blocks, [&](const LoopItem& item) {
    const std::size_t begin = item.index * kGateRows;
    for (std::size_t p = 0; p < packed.panels.count(); ++p) {
      PanelTask task;
      task.weight = packed.panels.panel(p);
      task.in = packed.in();
      task.width = packed.panels.width(p);
      task.columns = packed.panels.columns_of(p);
      task.rows = std::min(kGateRows, x.rows() - begin);
      task.x = {reinterpret_cast<const std::byte*>(x.data() + begin * x.stride()),
                x.stride() * sizeof(float), nullptr};
      task.y = {reinterpret_cast<std::byte*>(logits.data() + begin * logits.stride() +
                                             p * packed.panels.panel_columns),
                logits.stride() * sizeof(float), nullptr};
      kernels_.gate.run(task);
    }
  });
}

void CpuDevice::dense_ffn(Rows x, const PackedExpert& ffn, MatrixView<float> y) {
  const auto& expert = dynamic_cast<const CpuPackedExpert&>(ffn);
  SY_CHECK(x.rows == y.rows() && x.cols == expert.hidden() && y.cols() == expert.hidden());
  const DType dtype = operand_dtype(precision_);
  const std::size_t stride_bytes = expert.inner() * size_bytes(dtype);
  SY_CHECK(x.rows * stride_bytes <= inner_.bytes(), "reserve() was for fewer rows");
  if (x.rows == 0) return;
  PanelTask up;
  up.rows = x.rows;
  up.x = {x.data, x.stride * size_bytes(x.dtype), nullptr};
  up.y = {inner_.data(), stride_bytes, nullptr};
  up.epilogue = dtype == DType::kBf16 ? Epilogue::kSwigluBf16 : Epilogue::kSwigluF32;
  run_panels(kernels_.gemm, expert.up, up);
  PanelTask down;
  down.rows = x.rows;
  down.x = {inner_.data(), stride_bytes, nullptr};
  down.y = {reinterpret_cast<std::byte*>(y.data()), y.stride() * sizeof(float), nullptr};
  down.epilogue = Epilogue::kAddF32;
  run_panels(kernels_.gemm, expert.down, down);
}

void CpuDevice::run_inner(Rows x, std::span<const std::uint32_t> pair_row,
                          std::span<const ExpertGroup> groups, MutableRows inner) {
  panel_items_.clear();
  std::size_t bytes = 0;
  for (std::uint32_t g = 0; g < groups.size(); ++g) {
    const auto& up = dynamic_cast<const CpuPackedExpert&>(*groups[g].expert).up;
    SY_CHECK(up.in == x.cols && up.columns == inner.cols);
    for (std::uint32_t p = 0; p < up.count(); ++p) panel_items_.push_back({g, p});
    bytes += up.bytes.bytes();
  }
  const std::size_t element = size_bytes(inner.dtype);
  for_items(panel_items_.size(), bytes, [&](const LoopItem& item) {
    const auto [g, p] = panel_items_[item.index];
    const auto& group = groups[g];
    const auto& up = static_cast<const CpuPackedExpert&>(*group.expert).up;
    PanelTask task;
    task.weight = up.panel(p);
    task.in = up.in;
    task.width = up.width(p);
    task.columns = up.columns_of(p);
    task.rows = group.pair_count;
    task.x = {x.data, x.stride * size_bytes(x.dtype), pair_row.data() + group.pair_begin};
    task.y = {inner.row(group.pair_begin) + p * up.panel_columns * element,
              inner.stride * element, nullptr};
    task.epilogue = inner.dtype == DType::kBf16 ? Epilogue::kSwigluBf16 : Epilogue::kSwigluF32;
    if (item.next != kNoItem) {
      const auto next = panel_items_[item.next];
      task.prefetch =
          static_cast<const CpuPackedExpert&>(*groups[next.group].expert).up.panel(next.panel);
    }
    kernels_.gemm.run(task);
  });
}

void CpuDevice::run_down(std::span<const std::uint32_t> pair_out,
                         std::span<const ExpertGroup> groups, Rows inner, MutableRows y) {
  panel_items_.clear();
  std::size_t bytes = 0;
  for (std::uint32_t g = 0; g < groups.size(); ++g) {
    const auto& down = static_cast<const CpuPackedExpert&>(*groups[g].expert).down;
    SY_CHECK(down.columns == y.cols);
    for (std::uint32_t p = 0; p < down.count(); ++p) panel_items_.push_back({g, p});
    bytes += down.bytes.bytes();
  }
  const std::size_t element = size_bytes(y.dtype);
  for_items(panel_items_.size(), bytes, [&](const LoopItem& item) {
    const auto [g, p] = panel_items_[item.index];
    const auto& group = groups[g];
    const auto& down = static_cast<const CpuPackedExpert&>(*group.expert).down;
    PanelTask task;
    task.weight = down.panel(p);
    task.in = down.in;
    task.width = down.width(p);
    task.columns = down.columns_of(p);
    task.rows = group.pair_count;
    task.x = {inner.row(group.pair_begin), inner.stride * size_bytes(inner.dtype), nullptr};
    task.y = {y.data + p * down.panel_columns * element, y.stride * element,
              pair_out.data() + group.pair_begin};
    task.epilogue = y.dtype == DType::kBf16 ? Epilogue::kSetBf16 : Epilogue::kSetF32;
    if (item.next != kNoItem) {
      const auto next = panel_items_[item.next];
      task.prefetch =
          static_cast<const CpuPackedExpert&>(*groups[next.group].expert).down.panel(next.panel);
    }
    kernels_.gemm.run(task);
  });
}

void CpuDevice::expert_ffn(Rows x, std::span<const std::uint32_t> pair_row,
                           std::span<const std::uint32_t> pair_out,
                           std::span<const ExpertGroup> groups, MutableRows y) {
  if (groups.empty()) return;
  SY_CHECK(pair_row.size() == pair_out.size() && x.dtype == operand_dtype(precision_));
  const std::size_t width = groups.front().expert->inner();
  const DType dtype = operand_dtype(precision_);
  SY_CHECK(pair_row.size() * width * size_bytes(dtype) <= inner_.bytes(),
           "{} pairs of inner size {}: reserve() was for fewer", pair_row.size(), width);
  const MutableRows inner{inner_.data(), dtype, pair_row.size(), width, width};
  run_inner(x, pair_row, groups, inner);
  run_down(pair_out, groups, inner, y);
}

void CpuDevice::combine(std::span<const std::uint32_t> slot_begin,
                        std::span<const CombineSlot> slots, DType wire_dtype,
                        MatrixView<float> residual) {
  constexpr std::size_t kSlotsMax = 1024;
  SY_CHECK(slot_begin.size() == residual.rows() + 1 && slot_begin.back() <= slots.size());
  for_rows(residual.rows(), [&](std::size_t t) {
    const std::byte* rows[kSlotsMax];
    float weights[kSlotsMax];
    const std::size_t count = slot_begin[t + 1] - slot_begin[t];
    SY_CHECK(count <= kSlotsMax, "{} slots of one token", count);
    for (std::size_t j = 0; j < count; ++j) {
      rows[j] = slots[slot_begin[t] + j].row;
      weights[j] = slots[slot_begin[t] + j].weight;
    }
    const CombineTask task{rows, weights, count, residual.cols(),
                           residual.data() + t * residual.stride()};
    if (wire_dtype == DType::kBf16) {
      kernels_.rows.combine_bf16(task);
    } else {
      kernels_.rows.combine_f32(task);
    }
  });
}

void CpuDevice::convert(Rows src, MutableRows dst) {
  SY_CHECK(src.rows == dst.rows && src.cols == dst.cols);
  for_rows(src.rows, [&](std::size_t t) {
    if (src.dtype == dst.dtype) {
      std::memcpy(dst.row(t), src.row(t), src.row_bytes());
    } else if (src.dtype == DType::kF32 && dst.dtype == DType::kBf16) {
      kernels_.rows.f32_to_bf16(src.row(t), dst.row(t), src.cols);
    } else {
      SY_CHECK(src.dtype == DType::kBf16 && dst.dtype == DType::kF32, "{} to {}",
               to_string(src.dtype), to_string(dst.dtype));
      kernels_.rows.bf16_to_f32(src.row(t), dst.row(t), src.cols);
    }
  });
}

}  // namespace switchyard::kernels::cpu
