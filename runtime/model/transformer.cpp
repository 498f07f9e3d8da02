#include "runtime/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/model/weight_rows.h"

namespace switchyard::model {
namespace {

// What part of the model could not be loaded, and from where.
Unexpected bad_part(Error error, std::string_view part, WeightSource& source,
                    std::initializer_list<WeightId> ids) {
  return with_bad_weight(with_place(std::move(error), part).value(), source, ids);
}

}  // namespace

Transformer::Transformer(const ModelConfig& config, kernels::Device& device,
                         const TransformerOptions& options)
    : config_(config), device_(device), options_(options), layers_(config.layers) {}

Result<std::unique_ptr<Transformer>> Transformer::load(WeightSource& source,
                                                       kernels::Device& device,
                                                       const TransformerOptions& options) {
  const auto& config = source.config();
  SY_CHECK(options.context > 0 && options.context <= config.context_max, "context {} of {}",
           options.context, config.context_max);
  auto model = std::unique_ptr<Transformer>(new Transformer(config, device, options));
  SY_TRY(model->make_rope_tables());
  SY_TRY(model->make_head_rows());
  SY_TRY(model->load_embedding(source));
  for (std::size_t layer = 0; layer < config.layers; ++layer) {
    if (auto loaded = model->load_layer(source, layer); !loaded) {
      return with_place(std::move(loaded).error(), fmt::format("layer {}", layer));
    }
  }
  return model;
}

// Angles in double: position * theta^(-2i/h); the tables are fp32, made in pieces.
Result<void> Transformer::make_rope_tables() {
  constexpr std::size_t kPiece = 4096;
  const std::size_t half = config_.head_size / 2;
  std::vector<double> frequencies(half);
  for (std::size_t i = 0; i < half; ++i) {
    frequencies[i] =
        std::pow(static_cast<double>(config_.rope_theta),
                 -2.0 * static_cast<double>(i) / static_cast<double>(config_.head_size));
  }
  const std::size_t row_bytes = half * sizeof(float);
  SY_ASSIGN(rope_cos_, device_.allocate(options_.context * row_bytes));
  SY_ASSIGN(rope_sin_, device_.allocate(options_.context * row_bytes));
  std::vector<float> cosines;
  std::vector<float> sines;
  for (std::size_t begin = 0; begin < options_.context; begin += kPiece) {
    const std::size_t end = std::min(options_.context, begin + kPiece);
    cosines.clear();
    sines.clear();
    for (std::size_t position = begin; position < end; ++position) {
      for (const double frequency : frequencies) {
        const double angle = static_cast<double>(position) * frequency;
        cosines.push_back(static_cast<float>(std::cos(angle)));
        sines.push_back(static_cast<float>(std::sin(angle)));
      }
    }
    const std::size_t at = begin * row_bytes;
    SY_TRY(device_.upload(std::as_bytes(std::span(cosines)), rope_cos_.data() + at));
    SY_TRY(device_.upload(std::as_bytes(std::span(sines)), rope_sin_.data() + at));
  }
  bytes_ += rope_cos_.bytes() + rope_sin_.bytes();
  return {};
}

Result<void> Transformer::make_head_rows() {
  const std::size_t elements = options_.head_rows_max * config_.hidden;
  const DType operand = kernels::operand_dtype(device_.precision());
  SY_ASSIGN(head_in_, device_.allocate(elements * sizeof(float)));
  SY_ASSIGN(head_operand_, device_.allocate(elements * size_bytes(operand)));
  SY_ASSIGN(head_logits_, device_.allocate(options_.head_rows_max * config_.vocab * sizeof(float)));
  return {};
}

Result<void> Transformer::load_embedding(WeightSource& source) {
  SY_ASSIGN(const auto embedding, source.get({WeightRole::kEmbedding, 0, 0}));
  if (auto finite = check_finite(embedding); !finite) {
    return bad_part(std::move(finite).error(), "embedding", source,
                    {{WeightRole::kEmbedding, 0, 0}});
  }
  const std::size_t bytes = embedding.out * embedding.in * size_bytes(embedding.dtype);
  SY_ASSIGN(embedding_, device_.allocate(bytes));
  SY_TRY(device_.upload({embedding.data, bytes}, embedding_.data()));
  embedding_view_ = {embedding_.data(), embedding.dtype, embedding.out, embedding.in};
  bytes_ += embedding_.bytes();
  source.release();
  SY_ASSIGN(const auto head, source.get({WeightRole::kHead, 0, 0}));
  auto packed = device_.pack(head);
  if (!packed) {
    return bad_part(std::move(packed).error(), "output head", source, {{WeightRole::kHead, 0, 0}});
  }
  head_ = std::move(packed).value();
  bytes_ += head_->bytes();
  source.release();
  SY_ASSIGN(final_norm_, load_vector(source, device_, {WeightRole::kFinalNorm, 0, 0}));
  return {};
}

// One matrix [H*h + 2*G*h, d] instead of three: one pass over the rows, one fork of the pool.
Result<void> Transformer::load_qkv(WeightSource& source, std::size_t layer) {
  const std::initializer_list<WeightId> ids = {
      {WeightRole::kQuery, layer, 0}, {WeightRole::kKey, layer, 0}, {WeightRole::kValue, layer, 0}};
  SY_ASSIGN(const auto joined, join_rows(source, ids));
  auto packed = device_.pack(joined.view);
  if (!packed) return bad_part(std::move(packed).error(), "q, k, v projection", source, ids);
  layers_[layer].qkv = std::move(packed).value();
  bytes_ += layers_[layer].qkv->bytes();
  return {};
}

Result<void> Transformer::load_layer(WeightSource& source, std::size_t layer) {
  auto& to = layers_[layer];
  SY_ASSIGN(to.attention_norm,
            load_vector(source, device_, {WeightRole::kAttentionNorm, layer, 0}));
  SY_ASSIGN(to.moe_norm, load_vector(source, device_, {WeightRole::kMoeNorm, layer, 0}));
  if (config_.qk_norm != kernels::QkNorm::kNone) {
    SY_ASSIGN(to.q_norm, load_vector(source, device_, {WeightRole::kQueryNorm, layer, 0}));
    SY_ASSIGN(to.k_norm, load_vector(source, device_, {WeightRole::kKeyNorm, layer, 0}));
  }
  SY_TRY(load_qkv(source, layer));
  SY_ASSIGN(const auto out, source.get({WeightRole::kAttentionOut, layer, 0}));
  auto packed_out = device_.pack(out);
  if (!packed_out) {
    return bad_part(std::move(packed_out).error(), "attention output", source,
                    {{WeightRole::kAttentionOut, layer, 0}});
  }
  to.attention_out = std::move(packed_out).value();
  bytes_ += to.attention_out->bytes();
  source.release();
  if (config_.moe_layer[layer]) {
    SY_ASSIGN(const auto gate, source.get({WeightRole::kGate, layer, 0}));
    auto packed = device_.pack_gate(gate);
    if (!packed) {
      return bad_part(std::move(packed).error(), "gate", source, {{WeightRole::kGate, layer, 0}});
    }
    to.gate = std::move(packed).value();
    bytes_ += to.gate->bytes();
  } else {
    auto packed = pack_swiglu(source, device_,
                              {{WeightRole::kDenseGate, layer, 0},
                               {WeightRole::kDenseUp, layer, 0},
                               {WeightRole::kDenseDown, layer, 0}});
    if (!packed) return with_place(std::move(packed).error(), "dense MLP");
    to.dense = std::move(packed).value();
    bytes_ += to.dense->bytes();
  }
  source.release();
  return {};
}

kernels::AttentionParams Transformer::attention_params(const Layer& layer) const {
  kernels::AttentionParams params;
  params.heads = config_.heads;
  params.kv_heads = config_.kv_heads;
  params.head_size = config_.head_size;
  params.qk_norm = config_.qk_norm;
  params.q_norm = {layer.q_norm.f32_span(), config_.norm_eps};
  params.k_norm = {layer.k_norm.f32_span(), config_.norm_eps};
  params.clip_qkv = config_.clip_qkv;
  params.rope_cos = rope_cos_.f32_span();
  params.rope_sin = rope_sin_.f32_span();
  return params;
}

Result<void> Transformer::embed(std::span<const std::uint32_t> ids, Activations& work) {
  SY_CHECK(ids.size() == work.tokens(), "{} ids, {} rows", ids.size(), work.tokens());
  for (std::size_t t = 0; t < ids.size(); ++t) {
    if (ids[t] >= config_.vocab) {
      return fail(ErrorCode::kBadInput, "token id {} is outside the vocabulary of {}", ids[t],
                  config_.vocab);
    }
  }
  device_.embed(embedding_view_, ids, work.residual());
  return {};
}

void Transformer::attend(std::size_t layer, kernels::KvCache& cache, const kernels::KvRows& rows,
                         const GateWork& gate, Activations& work) {
  const auto& weights = layers_.at(layer);
  const auto residual = work.residual();
  device_.rmsnorm(residual, {weights.attention_norm.f32_span(), config_.norm_eps}, work.operand(),
                  {});
  device_.gemm(work.operand(), *weights.qkv, work.qkv(), kernels::Device::Store::kSet);
  device_.attention(attention_params(weights), cache, layer, rows, work.q(), work.k(), work.v(),
                    work.attention_out());
  device_.gemm(work.attention_out(), *weights.attention_out, residual,
               kernels::Device::Store::kAdd);
  if (gate.variance == Variance::kCompute) device_.row_variance(residual, work.residual_variance());
  const kernels::NormParams moe_norm{weights.moe_norm.f32_span(), config_.norm_eps};
  if (weights.gate == nullptr) {
    device_.rmsnorm(residual, moe_norm, work.operand(), {});
    return;
  }
  device_.rmsnorm(residual, moe_norm, work.operand(), work.normed());
  if (gate.select == nullptr) {
    device_.gate(work.normed(), *weights.gate, work.gate_logits());
  } else {
    const auto logits = work.device_gate_logits();
    device_.gate(work.normed(), *weights.gate, logits);
    device_.expert_selector()->select(logits, *gate.select, work.selected(gate.select->k_max));
  }
}

Result<void> Transformer::bring_gate_logits(Activations& work) {
  const auto from = work.device_gate_logits();
  const auto to = work.gate_logits();
  const std::size_t bytes = from.rows() * from.cols() * sizeof(float);
  return device_.download(reinterpret_cast<const std::byte*>(from.data()),
                          {reinterpret_cast<std::byte*>(to.data()), bytes});
}

void Transformer::dense(std::size_t layer, Activations& work) {
  device_.dense_ffn(work.operand(), *layers_.at(layer).dense, work.residual());
}

void Transformer::head(std::span<const std::uint32_t> rows, Activations& work,
                       MatrixView<float> logits) {
  SY_CHECK(rows.size() <= options_.head_rows_max && logits.rows() == rows.size(),
           "{} rows of {}, logits for {}", rows.size(), options_.head_rows_max, logits.rows());
  const MatrixView<float> in(head_in_.f32(), rows.size(), config_.hidden);
  device_.gather_rows(as_rows(work.residual()), rows,
                      {head_in_.data(), DType::kF32, rows.size(), config_.hidden, config_.hidden});
  const MutableRows operand{head_operand_.data(), kernels::operand_dtype(device_.precision()),
                            rows.size(), config_.hidden, config_.hidden};
  device_.rmsnorm(in, {final_norm_.f32_span(), config_.norm_eps}, operand, {});
  device_.gemm(operand, *head_, logits, kernels::Device::Store::kSet);
}

void Transformer::greedy(std::span<const std::uint32_t> rows, Activations& work,
                         std::span<std::uint32_t> ids) {
  const MatrixView<float> logits(head_logits_.f32(), rows.size(), config_.vocab);
  head(rows, work, logits);
  device_.argmax(logits, ids);
}

}  // namespace switchyard::model
