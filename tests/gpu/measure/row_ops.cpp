#include "tests/gpu/measure/row_ops.h"

namespace switchyard::gpu_measure {
namespace {

using kernels::Device;
using kernels::DeviceMemory;

// Calls take their rows in turn from so many sets that the caches have not the whole of them, as
// far as that takes no more sets than this: few rows are bound by their launch anyway.
constexpr std::size_t kSetsMax = 32;

std::size_t sets_of(const Sizes& sizes, std::size_t bytes) {
  return std::clamp<std::size_t>(sizes.cold_bytes / bytes, 1, kSetsMax);
}

class RowOps {
 public:
  RowOps(const Sizes& sizes, Stopwatch& watch, Device& device, std::size_t rows)
      : hidden_(sizes.hidden),
        experts_(sizes.gate_experts),
        slots_(sizes.experts_a_row),
        rows_(rows),
        sets_(sets_of(sizes, rows * sizes.hidden * sizeof(float))),
        pair_sets_(sets_of(sizes, rows * slots_ * sizes.hidden * sizeof(Bf16))),
        watch_(watch),
        device_(device) {}

  Result<void> make() {
    SY_ASSIGN(f32_, random_f32(device_, sets_ * rows_ * hidden_));
    SY_ASSIGN(bf16_, random_bf16(device_, sets_ * rows_ * hidden_));
    SY_ASSIGN(pairs_, random_bf16(device_, pair_sets_ * rows_ * slots_ * hidden_));
    SY_ASSIGN(gain_, random_f32(device_, hidden_));
    return device_.reserve(rows_, rows_ * slots_, hidden_, hidden_);
  }

  // fp32 rows to operands, and to fp32 for the gate.
  Result<void> rmsnorm() {
    SY_ASSIGN(auto normed, device_.allocate(rows_ * hidden_ * sizeof(float)));
    SY_ASSIGN(const double us, watch_.median_us([&] {
      const std::size_t set = next();
      device_.rmsnorm(residual(set), {gain_.f32_span(), 1e-6F}, operand(set),
                      {normed.f32(), rows_, hidden_});
    }));
    watch_.add(name("rmsnorm"), us, elements() * (4 + 2 + 4), 3 * elements(), Units::kFp32Pipes);
    return {};
  }

  Result<void> gate() {
    const auto from = random_values(experts_ * hidden_);
    SY_ASSIGN(const auto packed, device_.pack_gate(weight_view(from, experts_, hidden_)));
    SY_ASSIGN(auto logits, device_.allocate(rows_ * experts_ * sizeof(float)));
    SY_ASSIGN(const double us, watch_.median_us([&] {
      device_.gate(residual(next()), *packed, {logits.f32(), rows_, experts_});
    }));
    const auto weights = static_cast<double>(experts_ * hidden_);
    watch_.add(fmt::format("gate {}x{} m={}", experts_, hidden_, rows_), us,
               4 * (weights + elements() + static_cast<double>(rows_ * experts_)),
               2 * weights * static_cast<double>(rows_), Units::kFp32Pipes);
    return {};
  }

  // Rows in another order into a message; with all slots, a row for each of its experts.
  Result<void> gather(const char* what, std::size_t copies) {
    std::vector<std::uint32_t> from;
    for (std::size_t i = 0; i < rows_ * copies; ++i) {
      from.push_back(static_cast<std::uint32_t>(i * 7 % rows_));
    }
    SY_ASSIGN(const double us, watch_.median_us([&] {
      const std::size_t set = next();
      device_.gather_rows(operand(set), from, pairs(set, from.size()));
    }));
    watch_.add(name(what), us, 2 * elements() * static_cast<double>(1 + copies), 0);
    return {};
  }

  Result<void> convert() {
    SY_ASSIGN(const double us, watch_.median_us([&] {
      const std::size_t set = next();
      device_.convert(as_rows(residual(set)), operand(set));
    }));
    watch_.add(name("convert to bf16"), us, elements() * (4 + 2), 0);
    return {};
  }

  Result<void> combine() {
    std::vector<std::uint32_t> begin{0};
    std::vector<std::vector<kernels::CombineSlot>> slots(sets_);
    for (std::size_t t = 0; t < rows_; ++t) {
      begin.push_back(static_cast<std::uint32_t>((t + 1) * slots_));
    }
    for (std::size_t set = 0; set < sets_; ++set) {
      const auto all = pairs(set, rows_ * slots_);
      for (std::size_t pair = 0; pair < rows_ * slots_; ++pair) {
        slots[set].push_back({all.data + pair * hidden_ * sizeof(Bf16), 0.125F});
      }
    }
    SY_ASSIGN(const double us, watch_.median_us([&] {
      const std::size_t set = next();
      device_.combine(begin, slots[set], DType::kBf16, residual(set));
    }));
    const auto each = static_cast<double>(slots_);
    watch_.add(fmt::format("combine {} of {} m={}", slots_, hidden_, rows_), us,
               elements() * (2 * each + 8), 2 * each * elements(), Units::kFp32Pipes);
    return {};
  }

 private:
  std::size_t next() noexcept { return next_++ % sets_; }
  double elements() const noexcept { return static_cast<double>(rows_ * hidden_); }
  std::string name(const char* what) const {
    return fmt::format("{} {} m={}", what, hidden_, rows_);
  }
  MatrixView<float> residual(std::size_t set) {
    return {f32_.f32() + set * rows_ * hidden_, rows_, hidden_};
  }
  MutableRows operand(std::size_t set) {
    return {bf16_.data() + set * rows_ * hidden_ * sizeof(Bf16), DType::kBf16, rows_, hidden_,
            hidden_};
  }
  MutableRows pairs(std::size_t set, std::size_t count) {
    return {pairs_.data() + set % pair_sets_ * rows_ * slots_ * hidden_ * sizeof(Bf16),
            DType::kBf16, count, hidden_, hidden_};
  }

  std::size_t hidden_;
  std::size_t experts_;
  std::size_t slots_;
  std::size_t rows_;
  std::size_t sets_;
  std::size_t pair_sets_;
  std::size_t next_ = 0;
  Stopwatch& watch_;
  Device& device_;
  DeviceMemory f32_;
  DeviceMemory bf16_;
  DeviceMemory pairs_;
  DeviceMemory gain_;
};

}  // namespace

Result<void> measure_row_ops(const Sizes& sizes, Stopwatch& watch, Device& device) {
  for (const std::size_t rows : sizes.rows) {
    RowOps ops(sizes, watch, device, rows);
    SY_TRY(ops.make());
    SY_TRY(ops.rmsnorm());
    SY_TRY(ops.gate());
    SY_TRY(ops.gather("gather", 1));
    SY_TRY(ops.gather("permute", sizes.experts_a_row));
    SY_TRY(ops.convert());
    SY_TRY(ops.combine());
  }
  return {};
}

}  // namespace switchyard::gpu_measure
