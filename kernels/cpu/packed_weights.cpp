#include "kernels/cpu/packed_weights.h"

#include <atomic>
#include <cstring>
#include <optional>

#include "runtime/base/check.h"

namespace switchyard::kernels::cpu {
namespace {

constexpr std::uint64_t kAllFinite = ~std::uint64_t{0};

std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

template <class T>
T read(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Row `row` of a weight as fp32.
void widen_row(const WeightView& weight, std::size_t row, float* to) {
  const std::byte* from = weight.data + row * weight.in * size_bytes(weight.dtype);
  switch (weight.dtype) {
    case DType::kF32: std::memcpy(to, from, weight.in * sizeof(float)); return;
    case DType::kF16:
      for (std::size_t i = 0; i < weight.in; ++i) to[i] = to_float(read<Fp16>(from + 2 * i));
      return;
    case DType::kBf16:
      for (std::size_t i = 0; i < weight.in; ++i) to[i] = to_float(read<Bf16>(from + 2 * i));
      return;
  }
}

std::size_t first_non_finite(const float* row, std::size_t n) {
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    bad |= (std::bit_cast<std::uint32_t>(row[i]) & 0x7F800000U) == 0x7F800000U ? 1U : 0U;
  }
  if (bad == 0) return n;
  for (std::size_t i = 0; i < n; ++i) {
    if ((std::bit_cast<std::uint32_t>(row[i]) & 0x7F800000U) == 0x7F800000U) return i;
  }
  return n;
}

// Writes a row of a weight as column `column` of a panel of `width` columns.
void place_column(const float* row, std::size_t in, Precision precision, std::byte* panel,
                  std::size_t width, std::size_t column) {
  if (precision == Precision::kFp32) {
    for (std::size_t s = 0; s < in; ++s) {
      std::memcpy(panel + (s * width + column) * kStepBytes, row + s, sizeof(float));
    }
    return;
  }
  for (std::size_t s = 0; 2 * s < in; ++s) {
    const std::uint32_t low = to_bf16(row[2 * s]).bits;
    const std::uint32_t high = 2 * s + 1 < in ? to_bf16(row[2 * s + 1]).bits : 0U;
    const std::uint32_t pair = low | (high << 16);
    std::memcpy(panel + (s * width + column) * kStepBytes, &pair, sizeof pair);
  }
}

struct Source {
  WeightView weight;
  std::size_t half = 0;  // 0: the first columns of a panel (gates), 1: the second half (ups)
};

// Packs all rows of `source` into their panels; answers row * in + column of a bad value.
std::uint64_t pack_rows(const Source& source, bool halves, Precision precision, Panels& panels,
                        ThreadPool& pool) {
  std::atomic<std::uint64_t> bad{kAllFinite};
  std::byte* base = panels.bytes.data();
  pool.parallel_for(panels.count(), [&](const LoopItem& item) {
    std::vector<float> row(source.weight.in);
    const std::size_t width = panels.width(item.index);
    std::byte* panel = base + item.index * panels.panel_width * panels.steps * kStepBytes;
    for (std::size_t c = 0; c < panels.columns_of(item.index); ++c) {
      const std::size_t r = item.index * panels.panel_columns + c;
      widen_row(source.weight, r, row.data());
      const std::size_t at = first_non_finite(row.data(), row.size());
      if (at < row.size()) {
        std::uint64_t expected = kAllFinite;
        bad.compare_exchange_strong(expected, r * source.weight.in + at);
        return;
      }
      const std::size_t column = c + (halves && source.half == 1 ? width / 2 : 0);
      place_column(row.data(), row.size(), precision, panel, width, column);
    }
  });
  return bad.load();
}

Result<void> check_finite(std::uint64_t bad, const WeightView& weight) {
  if (bad == kAllFinite) return {};
  return fail(ErrorCode::kBadInput, "weight [{}, {}] is not finite", bad / weight.in,
              bad % weight.in);
}

Panels make_panels(std::size_t columns, std::size_t in, std::size_t parts,
                   const GemmKernel& kernel, Precision precision) {
  Panels panels;
  panels.in = in;
  panels.columns = columns;
  panels.panel_width = kernel.panel_columns;
  panels.panel_columns = kernel.panel_columns / parts;
  const std::size_t last = columns - (panels.count() - 1) * panels.panel_columns;
  panels.last_width = parts * round_up(last, kernel.lane_columns);
  panels.steps = precision == Precision::kFp32 ? in : (in + 1) / 2;
  panels.bytes = HostBuffer(
      ((panels.count() - 1) * panels.panel_width + panels.last_width) * panels.steps * kStepBytes);
  return panels;
}

}  // namespace

Result<Panels> pack_matrix(const WeightView& weight, const GemmKernel& kernel, Precision precision,
                           ThreadPool& pool) {
  SY_CHECK(weight.out > 0 && weight.in > 0);
  Panels panels = make_panels(weight.out, weight.in, 1, kernel, precision);
  SY_TRY(check_finite(pack_rows({weight, 0}, false, precision, panels, pool), weight));
  return panels;
}

Result<Panels> pack_gate_up(const WeightView& gate, const WeightView& up, const GemmKernel& kernel,
                            Precision precision, ThreadPool& pool) {
  SY_CHECK(gate.out == up.out && gate.in == up.in && gate.out > 0 && gate.in > 0);
  Panels panels = make_panels(gate.out, gate.in, 2, kernel, precision);
  if (auto fine = check_finite(pack_rows({gate, 0}, true, precision, panels, pool), gate); !fine) {
    return with_place(std::move(fine).error(), "gate");
  }
  if (auto fine = check_finite(pack_rows({up, 1}, true, precision, panels, pool), up); !fine) {
    return with_place(std::move(fine).error(), "up");
  }
  return panels;
}

}  // namespace switchyard::kernels::cpu
