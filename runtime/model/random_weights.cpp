// Random weights for benchmarks. A value depends only on (seed, weight, index): no hidden state, so
// every rank that asks for an expert gets the same one. Speed: one 64-bit mix (splitmix64) gives
// four values, each the look-up of 12 bits in a table of 4096 bf16 levels (8 KiB, stays in L1).
#include <array>
#include <bit>
#include <cmath>
#include <map>

#include "runtime/base/buffer.h"
#include "runtime/base/random.h"
#include "runtime/model/weight_shape.h"
#include "runtime/model/weight_source.h"

namespace switchyard::model {
namespace {

constexpr std::size_t kLevelBits = 12;
constexpr std::size_t kLevels = std::size_t{1} << kLevelBits;
constexpr std::size_t kValuesPerMix = 4;
static_assert(std::endian::native == std::endian::little);

using Levels = std::array<Bf16, kLevels>;

// Evenly spaced over [-a, a] with a = sqrt(3) * deviation: the uniform distribution of that
// deviation.
Levels make_levels(double deviation) {
  const double bound = std::sqrt(3.0) * deviation;
  Levels levels;
  for (std::size_t i = 0; i < kLevels; ++i) {
    const double unit = (2.0 * static_cast<double>(i) + 1.0) / static_cast<double>(kLevels) - 1.0;
    levels[i] = to_bf16(static_cast<float>(bound * unit));
  }
  return levels;
}

// The top 12 bits of 16-bit part `part` choose the level.
Bf16 pick(const Levels& levels, std::uint64_t bits, std::size_t part) {
  return levels[(bits >> (16 * part + 16 - kLevelBits)) & (kLevels - 1)];
}

void fill(std::uint64_t key, const Levels& levels, std::span<Bf16> values) {
  const std::size_t whole = values.size() / kValuesPerMix;
  Bf16* out = values.data();
  for (std::size_t i = 0; i < whole; ++i) {
    const std::uint64_t bits = mix64(key + i);
    for (std::size_t part = 0; part < kValuesPerMix; ++part) {
      out[kValuesPerMix * i + part] = pick(levels, bits, part);
    }
  }
  const std::uint64_t bits = mix64(key + whole);
  for (std::size_t i = whole * kValuesPerMix; i < values.size(); ++i) {
    out[i] = pick(levels, bits, i - whole * kValuesPerMix);
  }
}

// Views stay valid until the next get() of the same role, or release().
class RandomWeights final : public WeightSource {
 public:
  RandomWeights(const ModelConfig& config, std::uint64_t seed) : config_(config), seed_(seed) {}

  [[nodiscard]] const ModelConfig& config() const noexcept override { return config_; }

  [[nodiscard]] Result<kernels::WeightView> get(const WeightId& id) override {
    if (!has_weight(config_, id)) {
      return fail(ErrorCode::kNotFound, "{}: this model has no such weight", to_string(id));
    }
    WeightRole role = id.role;
    if (role == WeightRole::kHead && config_.tied_embeddings) role = WeightRole::kEmbedding;
    const WeightShape shape = weight_shape(config_, role);
    Array<Bf16>& buffer = buffers_[role];
    if (buffer.size() != shape.elements()) buffer = Array<Bf16>(shape.elements());
    if (is_norm(role)) {
      std::fill_n(buffer.data(), buffer.size(), to_bf16(1.0F));
    } else {
      const std::size_t layer = is_layerless(role) ? 0 : id.layer;
      const std::size_t expert = is_expert(role) ? id.expert : 0;
      const auto key = hash_counters(seed_, static_cast<std::uint64_t>(role), layer, expert);
      // Keeps the size of a normed row through a matrix, as training does.
      fill(key, make_levels(1.0 / std::sqrt(static_cast<double>(shape.in))), buffer.span());
    }
    return kernels::WeightView{reinterpret_cast<const std::byte*>(buffer.data()), DType::kBf16,
                               shape.out, shape.in};
  }

  [[nodiscard]] std::uint64_t fingerprint() const override { return mix64(seed_); }
  void release() noexcept override { buffers_.clear(); }
  [[nodiscard]] std::size_t bytes_read() const noexcept override { return 0; }

 private:
  ModelConfig config_;
  std::uint64_t seed_;
  // One a role: an expert is packed from three views, and the embedding outlives the layers.
  std::map<WeightRole, Array<Bf16>> buffers_;
};

}  // namespace

std::unique_ptr<WeightSource> make_random_weights(const ModelConfig& config, std::uint64_t seed) {
  const auto valid = config.validate();
  SY_CHECK(valid.has_value(), "{}", valid.has_value() ? "" : valid.error().message);
  return std::make_unique<RandomWeights>(config, seed);
}

}  // namespace switchyard::model
