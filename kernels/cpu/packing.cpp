#include "kernels/cpu/packing.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>

#include "runtime/base/check.h"

namespace switchyard::kernels::cpu {
namespace {

using Word = std::uint32_t;  // one step of one column: a float, or a pair of bf16

constexpr std::uint64_t kAllFinite = ~std::uint64_t{0};
constexpr std::size_t kColumnsMax = 64;
// Steps that are transposed at a time: with 64 columns the block fills half the first-level cache.
constexpr std::size_t kBlockSteps = 64;

std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

float load_element(const std::byte* from, DType dtype) {
  switch (dtype) {
    case DType::kF32: {
      float value = 0;
      std::memcpy(&value, from, sizeof value);
      return value;
    }
    case DType::kF16: {
      Fp16 value;
      std::memcpy(&value, from, sizeof value);
      return to_float(value);
    }
    case DType::kBf16: {
      Bf16 value;
      std::memcpy(&value, from, sizeof value);
      return to_float(value);
    }
  }
  return 0;
}

template <DType kFrom>
void convert_to_bf16(const std::byte* from, std::size_t count, Word* words) {
  auto* out = reinterpret_cast<std::byte*>(words);
  for (std::size_t i = 0; i < count; ++i) {
    const Bf16 value = to_bf16(load_element(from + i * size_bytes(kFrom), kFrom));
    std::memcpy(out + i * sizeof value, &value, sizeof value);
  }
}

template <DType kFrom>
void convert_to_f32(const std::byte* from, std::size_t count, Word* words) {
  for (std::size_t i = 0; i < count; ++i) {
    words[i] = std::bit_cast<Word>(load_element(from + i * size_bytes(kFrom), kFrom));
  }
}

// `count` elements as words of the operand type; an odd last bf16 is paired with zero.
void load_words(const std::byte* from, DType dtype, Precision precision, std::size_t count,
                Word* words) {
  if (precision == Precision::kBf16) {
    if (count % 2 != 0) words[count / 2] = 0;
    switch (dtype) {
      case DType::kBf16: std::memcpy(words, from, count * sizeof(Bf16)); return;
      case DType::kF16: convert_to_bf16<DType::kF16>(from, count, words); return;
      case DType::kF32: convert_to_bf16<DType::kF32>(from, count, words); return;
    }
  }
  switch (dtype) {
    case DType::kF32: std::memcpy(words, from, count * sizeof(float)); return;
    case DType::kF16: convert_to_f32<DType::kF16>(from, count, words); return;
    case DType::kBf16: convert_to_f32<DType::kBf16>(from, count, words); return;
  }
}

// An exponent of all ones: infinity or NaN. For pairs the low half has its own exponent.
bool all_finite(const Word* words, std::size_t count, Precision precision) {
  const Word low = precision == Precision::kBf16 ? 0x7F80U : 0U;
  Word bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Word high_part = (words[i] & 0x7F800000U) == 0x7F800000U ? 1U : 0U;
    const Word low_part = low != 0 && (words[i] & low) == low ? 1U : 0U;
    bad |= high_part | low_part;
  }
  return bad == 0;
}

bool is_finite(Word bits) { return (bits & 0x7F800000U) != 0x7F800000U; }

// Keeps the lowest place, so that the message does not depend on the threads.
void report(std::atomic<std::uint64_t>& bad, std::uint64_t place) {
  std::uint64_t seen = bad.load(std::memory_order_relaxed);
  while (place < seen && !bad.compare_exchange_weak(seen, place)) {
  }
}

// One source matrix; its rows fill the columns from `offset` (in parts of a panel's width) on.
struct Part {
  const WeightView* weight = nullptr;
  std::atomic<std::uint64_t> bad{kAllFinite};
};

class PanelWriter {
 public:
  PanelWriter(const Panels& panels, Precision precision) : panels_(panels), precision_(precision) {}

  // Fills panel p: part i goes to columns [i, i + 1) * width / parts.
  template <std::size_t kParts>
  void write(std::size_t p, std::array<Part, kParts>& parts) {
    const std::size_t width = panels_.width(p);
    const std::size_t elements = precision_ == Precision::kBf16 ? 2 : 1;
    for (std::size_t step = 0; step < panels_.steps; step += kBlockSteps) {
      const std::size_t begin = step * elements;
      const std::size_t count = std::min(panels_.in - begin, kBlockSteps * elements);
      const std::size_t steps = (count + elements - 1) / elements;
      for (std::size_t i = 0; i < kParts; ++i) {
        for (std::size_t c = 0; c < panels_.columns_of(p); ++c) {
          load(parts[i], p * panels_.panel_columns + c, begin, count, i * width / kParts + c);
        }
      }
      transpose(panels_.panel(p) + step * width * kStepBytes, steps, width);
    }
  }

 private:
  void load(Part& part, std::size_t row, std::size_t begin, std::size_t count, std::size_t column) {
    const WeightView& weight = *part.weight;
    const std::byte* from = weight.data + (row * weight.in + begin) * size_bytes(weight.dtype);
    Word* words = block_[column].data();
    load_words(from, weight.dtype, precision_, count, words);
    const std::size_t used = precision_ == Precision::kBf16 ? (count + 1) / 2 : count;
    if (all_finite(words, used, precision_)) return;
    for (std::size_t i = 0; i < count; ++i) {
      Word bits =
          std::bit_cast<Word>(load_element(from + i * size_bytes(weight.dtype), weight.dtype));
      if (precision_ == Precision::kBf16) {
        bits = Word{to_bf16(std::bit_cast<float>(bits)).bits} << 16;
      }
      if (!is_finite(bits)) {
        report(part.bad, row * weight.in + begin + i);
        return;
      }
    }
  }

  // Columns past columns_of(p) are never loaded and stay zero from construction.
  void transpose(std::byte* to, std::size_t steps, std::size_t width) const {
    auto* words = reinterpret_cast<Word*>(to);
    for (std::size_t s = 0; s < steps; ++s) {
      for (std::size_t c = 0; c < width; ++c) words[s * width + c] = block_[c][s];
    }
  }

  const Panels& panels_;
  Precision precision_;
  // A few words more than a block, so that the columns do not fall into the same cache sets.
  std::array<std::array<Word, kBlockSteps + 4>, kColumnsMax> block_{};
};

Result<Panels> make_panels(WeightArena& arena, std::size_t columns, std::size_t in,
                           std::size_t parts, const PanelShape& shape) {
  SY_CHECK(columns > 0 && in > 0 && shape.panel_columns <= kColumnsMax);
  Panels panels;
  panels.in = in;
  panels.columns = columns;
  panels.panel_width = shape.panel_columns;
  panels.panel_columns = shape.panel_columns / parts;
  const std::size_t last = columns - (panels.count() - 1) * panels.panel_columns;
  panels.last_width = parts * round_up(last, shape.lane_columns);
  panels.steps = shape.precision == Precision::kFp32 ? in : (in + 1) / 2;
  const std::size_t width = (panels.count() - 1) * panels.panel_width + panels.last_width;
  SY_ASSIGN(panels.memory, arena.take(width * panels.steps * kStepBytes));
  return panels;
}

template <std::size_t kParts>
void fill(const Panels& panels, Precision precision, ThreadPool& pool,
          std::array<Part, kParts>& parts) {
  pool.parallel_for(panels.count(), [&](const LoopItem& item) {
    PanelWriter writer(panels, precision);
    writer.write(item.index, parts);
  });
}

Result<void> check_finite(const Part& part) {
  const std::uint64_t bad = part.bad.load();
  if (bad == kAllFinite) return {};
  return fail(ErrorCode::kBadInput, "weight [{}, {}] is not finite", bad / part.weight->in,
              bad % part.weight->in);
}

}  // namespace

Result<Panels> Packer::matrix(const WeightView& weight, const PanelShape& shape) {
  SY_ASSIGN(Panels panels, make_panels(arena, weight.out, weight.in, 1, shape));
  std::array<Part, 1> parts;
  parts[0].weight = &weight;
  fill(panels, shape.precision, pool, parts);
  SY_TRY(check_finite(parts[0]));
  return panels;
}

Result<Panels> Packer::gate_up(const WeightView& gate, const WeightView& up,
                               const PanelShape& shape) {
  SY_CHECK(gate.out == up.out && gate.in == up.in, "gate [{}, {}], up [{}, {}]", gate.out, gate.in,
           up.out, up.in);
  SY_ASSIGN(Panels panels, make_panels(arena, gate.out, gate.in, 2, shape));
  std::array<Part, 2> parts;
  parts[0].weight = &gate;
  parts[1].weight = &up;
  fill(panels, shape.precision, pool, parts);
  if (auto fine = check_finite(parts[0]); !fine) {
    return with_place(std::move(fine).error(), "gate");
  }
  if (auto fine = check_finite(parts[1]); !fine) {
    return with_place(std::move(fine).error(), "up");
  }
  return panels;
}

}  // namespace switchyard::kernels::cpu
