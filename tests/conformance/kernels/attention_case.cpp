#include "tests/conformance/kernels/attention_case.h"

#include <algorithm>
#include <cmath>

namespace switchyard::kernels::test {
namespace {

constexpr float kEps = 1e-6F;

std::size_t gains(const AttentionShape& shape, std::size_t heads) {
  return shape.norm == QkNorm::kWholeRow ? heads * shape.head_size : shape.head_size;
}

}  // namespace

AttentionCase::AttentionCase(const AttentionShape& shape, DType operand)
    : shape_(shape),
      operand_(operand),
      q_(random_values(shape.sequences * shape.tokens * shape.heads * shape.head_size, 40, 2)),
      k_(random_values(shape.sequences * shape.tokens * shape.kv_heads * shape.head_size, 41, 2)),
      v_(random_values(shape.sequences * shape.tokens * shape.kv_heads * shape.head_size, 42)),
      q_gain_(random_values(gains(shape, shape.heads), 43)),
      k_gain_(random_values(gains(shape, shape.kv_heads), 44)) {
  const std::size_t half = shape.head_size / 2;
  for (std::size_t p = 0; p < shape.tokens; ++p) {
    for (std::size_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(p) *
                           std::pow(1e4, -static_cast<double>(i) / static_cast<double>(half));
      cos_.push_back(static_cast<float>(std::cos(angle)));
      sin_.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

// Pages of the sequences alternate in the pool, so that no sequence is contiguous.
std::vector<std::uint32_t> AttentionCase::pages_of(std::size_t sequence) const {
  std::vector<std::uint32_t> pages;
  for (std::size_t i = 0; i < pages_per_sequence(); ++i) {
    pages.push_back(static_cast<std::uint32_t>(i * shape_.sequences + sequence));
  }
  if (backwards_) std::reverse(pages.begin(), pages.end());
  return pages;
}

AttentionParams AttentionCase::params() const {
  AttentionParams params;
  params.heads = shape_.heads;
  params.kv_heads = shape_.kv_heads;
  params.head_size = shape_.head_size;
  params.qk_norm = shape_.norm;
  params.q_norm = {q_gain_, kEps};
  params.k_norm = {k_gain_, kEps};
  params.clip_qkv = shape_.clip;
  params.rope_cos = cos_;
  params.rope_sin = sin_;
  return params;
}

std::unique_ptr<KvCache> AttentionCase::make_cache(Device& device) const {
  return device
      .make_kv_cache(
          {2, shape_.kv_heads, shape_.head_size, pages_per_sequence() * shape_.sequences})
      .value();
}

void AttentionCase::run(Device& device, KvCache& cache, const std::vector<AttentionRun>& runs,
                        Outputs& outputs) const {
  constexpr std::size_t kLayer = 1;
  std::vector<std::vector<std::uint32_t>> tables;
  for (std::size_t s = 0; s < shape_.sequences; ++s) tables.push_back(pages_of(s));
  std::vector<std::uint32_t> position;
  std::vector<const std::uint32_t*> pages;
  std::vector<std::pair<std::size_t, std::size_t>> keys;
  for (const auto& run : runs) {
    for (std::size_t i = 0; i < run.count; ++i) {
      position.push_back(static_cast<std::uint32_t>(run.begin + i));
      pages.push_back(tables[run.sequence].data());
      keys.emplace_back(run.sequence, run.begin + i);
    }
  }
  const auto gather = [&](const Values& from, std::size_t columns) {
    Values rows;
    for (const auto& [sequence, at] : keys) {
      const float* row = from.data() + row_of(sequence, at) * columns;
      rows.insert(rows.end(), row, row + columns);
    }
    return rows;
  };
  const std::size_t q_columns = shape_.heads * shape_.head_size;
  const std::size_t kv_columns = shape_.kv_heads * shape_.head_size;
  GuardedRows q(keys.size(), q_columns, DType::kF32);
  GuardedRows k(keys.size(), kv_columns, DType::kF32);
  GuardedRows v(keys.size(), kv_columns, DType::kF32);
  q.set(gather(q_, q_columns));
  k.set(gather(k_, kv_columns));
  v.set(gather(v_, kv_columns));
  GuardedRows out(keys.size(), q_columns, operand_);
  device.attention(params(), cache, kLayer, {position, pages}, q.f32(), k.f32(), v.f32(),
                   out.view());
  out.expect_intact();
  for (std::size_t t = 0; t < keys.size(); ++t) outputs[keys[t]] = out.row_bits(t);
}

std::vector<double> AttentionCase::prepared(const Values& values, std::size_t row, std::size_t head,
                                            std::size_t heads, const Values& gain) const {
  const std::size_t size = shape_.head_size;
  const float* all = values.data() + row * heads * size;
  std::vector<double> x(all + head * size, all + (head + 1) * size);
  if (shape_.norm != QkNorm::kNone) {
    const bool whole = shape_.norm == QkNorm::kWholeRow;
    const std::size_t from = whole ? 0 : head * size;
    const std::size_t count = whole ? heads * size : size;
    double squares = 0;
    for (std::size_t i = from; i < from + count; ++i) squares += std::pow(double{all[i]}, 2);
    const double factor = 1 / std::sqrt(squares / static_cast<double>(count) + double{kEps});
    for (std::size_t i = 0; i < size; ++i) x[i] *= factor * gain[whole ? head * size + i : i];
  }
  if (shape_.clip > 0) {
    for (auto& value : x) {
      value = std::clamp(value, -double{shape_.clip}, double{shape_.clip});
    }
  }
  const std::size_t half = size / 2;
  const std::size_t position = row % shape_.tokens;
  for (std::size_t i = 0; i < half; ++i) {
    const double c = cos_[position * half + i];
    const double s = sin_[position * half + i];
    const double a = x[i];
    const double b = x[i + half];
    x[i] = a * c - b * s;
    x[i + half] = b * c + a * s;
  }
  for (auto& value : x) value = rounded(static_cast<float>(value), operand_);
  return x;
}

std::vector<double> AttentionCase::oracle(std::size_t sequence, std::size_t position,
                                          std::size_t head) const {
  const std::size_t size = shape_.head_size;
  const std::size_t kv_head = head / (shape_.heads / shape_.kv_heads);
  const auto q = prepared(q_, row_of(sequence, position), head, shape_.heads, q_gain_);
  std::vector<double> score;
  for (std::size_t p = 0; p <= position; ++p) {
    const auto k = prepared(k_, row_of(sequence, p), kv_head, shape_.kv_heads, k_gain_);
    double sum = 0;
    for (std::size_t i = 0; i < size; ++i) sum += q[i] * k[i];
    score.push_back(sum / std::sqrt(static_cast<double>(size)));
  }
  const double highest = *std::max_element(score.begin(), score.end());
  double total = 0;
  for (auto& value : score) total += value = std::exp(value - highest);
  std::vector<double> out(size, 0.0);
  for (std::size_t p = 0; p <= position; ++p) {
    const float* v = v_.data() + (row_of(sequence, p) * shape_.kv_heads + kv_head) * size;
    for (std::size_t i = 0; i < size; ++i) {
      float value = v[i];
      if (shape_.clip > 0) value = std::clamp(value, -shape_.clip, shape_.clip);
      out[i] += score[p] / total * rounded(value, operand_);
    }
  }
  return out;
}

void AttentionCase::expect_oracle(const Outputs& outputs, double tolerance) const {
  for (const auto& [key, bits] : outputs) {
    // The positions around block edges and a few others; the oracle is slow.
    if (key.second % 64 > 1 && key.second % 64 != 63 && key.second % 29 != 0) continue;
    for (std::size_t h = 0; h < shape_.heads; ++h) {
      const auto wanted = oracle(key.first, key.second, h);
      for (std::size_t i = 0; i < shape_.head_size; ++i) {
        const std::size_t at = h * shape_.head_size + i;
        double got = 0;
        if (operand_ == DType::kBf16) {
          Bf16 value;
          std::memcpy(&value, bits.data() + at * sizeof value, sizeof value);
          got = to_float(value);
        } else {
          float value = 0;
          std::memcpy(&value, bits.data() + at * sizeof value, sizeof value);
          got = value;
        }
        ASSERT_NEAR(got, wanted[i], tolerance)
            << "sequence " << key.first << " position " << key.second << " head " << h;
      }
    }
  }
}

}  // namespace switchyard::kernels::test
