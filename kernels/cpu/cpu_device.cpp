// CpuDevice: its objects and the ops that work on single rows.
#include "kernels/cpu/cpu_device.h"

#include <algorithm>
#include <cstring>

#include "kernels/ops/greatest.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cpu {
namespace {

// A token's answers lie in as many places as it has experts, each too short for the processor's
// own prefetcher: they are asked for while the token before is being summed.
void fetch_rows(std::span<const CombineSlot> slots, std::size_t row_bytes) {
  constexpr std::size_t kLineBytes = 64;
  for (const auto& slot : slots) {
    for (std::size_t at = 0; slot.row != nullptr && at < row_bytes; at += kLineBytes) {
      __builtin_prefetch(slot.row + at, 0, 2);
    }
  }
}

}  // namespace

CpuDevice::CpuDevice(KernelSet kernels, Precision precision, std::size_t threads)
    : kernels_(std::move(kernels)),
      precision_(precision),
      pool_(threads),
      panel_loop_(pool_),
      attention_scratch_(pool_.size() * kAttentionScratchBytes) {}

std::string CpuDevice::description() const {
  return fmt::format("cpu {}, {} thread{}", kernels_.isa, pool_.size(),
                     pool_.size() == 1 ? "" : "s");
}

PanelShape CpuDevice::shape_of(const GemmKernel& kernel) const {
  return {kernel.panel_columns, kernel.lane_columns, precision_};
}

Result<std::unique_ptr<PackedMatrix>> CpuDevice::pack(const WeightView& weight) {
  SY_ASSIGN(auto panels, (Packer{arena_, pool_}.matrix(weight, shape_of(kernels_.gemm))));
  return std::make_unique<CpuPackedMatrix>(std::move(panels));
}

Result<std::unique_ptr<PackedExpert>> CpuDevice::pack_expert(const WeightView& gate,
                                                             const WeightView& up,
                                                             const WeightView& down) {
  SY_CHECK(down.out == gate.in && down.in == gate.out, "gate [{}, {}], down [{}, {}]", gate.out,
           gate.in, down.out, down.in);
  Packer packer{arena_, pool_};
  SY_ASSIGN(auto gate_up, packer.gate_up(gate, up, shape_of(kernels_.gemm)));
  auto packed = packer.matrix(down, shape_of(kernels_.gemm));
  if (!packed) return with_place(std::move(packed).error(), "down");
  return std::make_unique<CpuPackedExpert>(std::move(gate_up), std::move(packed).value());
}

// Narrow panels: a gate has few columns, and one panel is the least that a thread can take.
Result<std::unique_ptr<PackedMatrix>> CpuDevice::pack_gate(const WeightView& weight) {
  const GemmKernel& kernel = kernels_.gate;
  const std::size_t columns = std::min(kernel.panel_columns, 2 * kernel.lane_columns);
  const PanelShape shape{columns, kernel.lane_columns, Precision::kFp32};
  SY_ASSIGN(auto panels, (Packer{arena_, pool_}.matrix(weight, shape)));
  return std::make_unique<CpuPackedMatrix>(std::move(panels));
}

Result<std::unique_ptr<KvCache>> CpuDevice::make_kv_cache(const KvCacheShape& shape) {
  if (shape.head_size == 0 || shape.head_size % 2 != 0 || shape.head_size > kHeadSizeMax) {
    return fail(ErrorCode::kUnsupported, "head size {} is not an even number up to {}",
                shape.head_size, kHeadSizeMax);
  }
  SY_ASSIGN(auto cache, CpuKvCache::create(shape, precision_));
  return cache;
}

Result<void> CpuDevice::upload(Bytes from, std::byte* to) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
  return {};
}

Result<void> CpuDevice::download(const std::byte* from, MutableBytes to) {
  if (!to.empty()) std::memcpy(to.data(), from, to.size());
  return {};
}

Result<void> CpuDevice::reserve(std::size_t tokens, std::size_t pairs, std::size_t /*hidden*/,
                                std::size_t inner) {
  constexpr std::size_t kKvHeadsUsual = 64;
  const std::size_t rows = std::max(pairs, tokens);
  const std::size_t bytes = rows * inner * size_bytes(operand_dtype(precision_));
  if (bytes > inner_.bytes()) {
    SY_ASSIGN(inner_, try_buffer(bytes));
  }
  panel_loop_.reserve(rows);
  attention_items_.reserve(tokens * kKvHeadsUsual);
  return {};
}

void CpuDevice::embed(const WeightView& table, std::span<const std::uint32_t> ids,
                      MatrixView<float> out) {
  SY_CHECK(out.rows() == ids.size() && out.cols() == table.in);
  const std::size_t row_bytes = table.in * size_bytes(table.dtype);
  for_rows(ids.size(), row_bytes + out.cols() * sizeof(float), [&](std::size_t t) {
    SY_CHECK(ids[t] < table.out, "id {} of {}", ids[t], table.out);
    const std::byte* from = table.data + ids[t] * row_bytes;
    auto* to = reinterpret_cast<std::byte*>(out.row(t).data());
    switch (table.dtype) {
      case DType::kF32: std::memcpy(to, from, row_bytes); break;
      case DType::kF16: kernels_.rows.f16_to_f32(from, to, table.in); break;
      case DType::kBf16: kernels_.rows.bf16_to_f32(from, to, table.in); break;
    }
  });
}

void CpuDevice::rmsnorm(MatrixView<const float> x, const NormParams& norm, MutableRows operand,
                        MatrixView<float> fp32_out) {
  SY_CHECK(norm.gain.size() == x.cols() && operand.rows == x.rows() && operand.cols == x.cols() &&
               operand.dtype == operand_dtype(precision_),
           "x [{}, {}], gain [{}], operand {} [{}, {}]", x.rows(), x.cols(), norm.gain.size(),
           to_string(operand.dtype), operand.rows, operand.cols);
  SY_CHECK(fp32_out.empty() || (fp32_out.rows() == x.rows() && fp32_out.cols() == x.cols()));
  for_rows(x.rows(), 3 * x.cols() * sizeof(float), [&](std::size_t t) {
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

void CpuDevice::combine(std::span<const std::uint32_t> slot_begin,
                        std::span<const CombineSlot> slots, DType wire_dtype,
                        MatrixView<float> residual) {
  constexpr std::size_t kSlotsMax = 1024;  // as many experts as a router can choose
  if (residual.rows() == 0) return;
  SY_CHECK(slot_begin.size() == residual.rows() + 1 && slot_begin.back() <= slots.size());
  SY_CHECK(wire_dtype == DType::kF32 || wire_dtype == DType::kBf16);
  const std::size_t row_slots = slots.size() / residual.rows() + 2;
  const std::size_t row_bytes = row_slots * residual.cols() * size_bytes(wire_dtype);
  for_rows(residual.rows(), row_bytes, [&](std::size_t t) {
    const std::byte* rows[kSlotsMax];
    float weights[kSlotsMax];
    const std::size_t count = slot_begin[t + 1] - slot_begin[t];
    if (t + 1 < residual.rows()) {
      fetch_rows(slots.subspan(slot_begin[t + 1], slot_begin[t + 2] - slot_begin[t + 1]),
                 residual.cols() * size_bytes(wire_dtype));
    }
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
  for_rows(src.rows, src.row_bytes() + dst.row_bytes(), [&](std::size_t t) {
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

void CpuDevice::gather_rows(Rows x, std::span<const std::uint32_t> rows, MutableRows to) {
  SY_CHECK(to.rows == rows.size() && to.cols == x.cols && to.dtype == x.dtype,
           "{} rows of {} {} into {} of {} {}", rows.size(), x.cols, to_string(x.dtype), to.rows,
           to.cols, to_string(to.dtype));
  for_rows(rows.size(), 2 * x.row_bytes(), [&](std::size_t i) {
    SY_CHECK(rows[i] < x.rows, "row {} of {}", rows[i], x.rows);
    std::memcpy(to.row(i), x.row(rows[i]), x.row_bytes());
  });
}

void CpuDevice::row_variance(MatrixView<const float> x, std::span<float> out) {
  SY_CHECK(out.size() == x.rows());
  const double scale = 1.0 / static_cast<double>(x.cols());
  for_rows(x.rows(), x.cols() * sizeof(float), [&](std::size_t t) {
    double sum = 0;
    double squares = 0;
    for (const float value : x.row(t)) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    const double mean = sum * scale;
    out[t] = static_cast<float>(squares * scale - mean * mean);
  });
}

// A row an item: a vocabulary is long, and a step has few rows.
void CpuDevice::argmax(MatrixView<const float> logits, std::span<std::uint32_t> ids) {
  SY_CHECK(ids.size() == logits.rows() && logits.cols() > 0, "{} ids for logits [{}, {}]",
           ids.size(), logits.rows(), logits.cols());
  const auto body = [&](const LoopItem& item) {
    ids[item.index] = index_of_greatest(logits.row(item.index));
  };
  if (logits.rows() * logits.cols() * sizeof(float) < kForkRowBytesMin) {
    ThreadPool::run_inline(logits.rows(), body);
  } else {
    pool_.parallel_for(logits.rows(), body);
  }
}

}  // namespace switchyard::kernels::cpu
