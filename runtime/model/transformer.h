// runtime/model/transformer.h -- everything of a model but its experts, on the router's device:
// embedding, norms, attention, gate, dense layers, output head.
// Not the experts (runtime/moe) and not the routing policy (runtime/routing): attend() ends with
// the gate's logits, and the caller adds the experts' answer to the residual.
// Arithmetic as in the Hugging Face models of the same names (Mixtral, OLMoE, Qwen3-MoE).
// Thread safety: shared objects: unsafe (they use one device).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/model/activations.h"
#include "runtime/model/model_config.h"
#include "runtime/model/weight_source.h"

namespace switchyard::model {

struct TransformerOptions {
  std::size_t context = 0;         // positions that will be used; at most config.context_max
  std::size_t head_rows_max = 16;  // rows of one head() call
};

class Transformer {
 public:
  // Reads and packs the router's part. Errors: those of the source and of packing, naming the
  // tensor.
  [[nodiscard]] static Result<std::unique_ptr<Transformer>> load(WeightSource& source,
                                                                 kernels::Device& device,
                                                                 const TransformerOptions& options);

  [[nodiscard]] const ModelConfig& config() const noexcept { return config_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t head_rows_max() const noexcept { return options_.head_rows_max; }

  // residual[t] = embedding of ids[t]. Errors: kBadInput for an id outside the vocabulary.
  [[nodiscard]] Result<void> embed(std::span<const std::uint32_t> ids, Activations& work);
  // Layer `layer` up to its MoE block: residual += attention(norm(residual)), then the MoE norm:
  // operand and, for MoE layers, gate_logits [T, E] and (where wanted) residual_variance [T], which
  // the host may read when it has waited for the device.
  // With a rule to select by (only where can_select()) the device chooses the experts: selected()
  // is what the host may read then, and the logits stay where they are.
  enum class Variance { kSkip, kCompute };
  struct GateWork {
    Variance variance = Variance::kSkip;
    const SelectionRule* select = nullptr;
  };
  void attend(std::size_t layer, kernels::KvCache& cache, const kernels::KvRows& rows,
              const GateWork& gate, Activations& work);
  [[nodiscard]] bool can_select() noexcept { return device_.expert_selector() != nullptr; }
  // Brings the logits of such an attend() to gate_logits(). Blocks. Errors: the device's.
  [[nodiscard]] Result<void> bring_gate_logits(Activations& work);
  // For layers that are not MoE: residual += MLP(operand).
  void dense(std::size_t layer, Activations& work);
  // logits[i] = head(norm(residual[rows[i]])); logits: [rows, V] in wire memory, at most
  // head_rows_max rows; the host may read them when it has waited for the device.
  void head(std::span<const std::uint32_t> rows, Activations& work, MatrixView<float> logits);
  // ids[i] = the token of the greatest of those logits (Device::argmax), which stay on the device.
  // ids: [rows] in wire memory; as above.
  void greedy(std::span<const std::uint32_t> rows, Activations& work, std::span<std::uint32_t> ids);

 private:
  struct Layer {
    kernels::DeviceMemory attention_norm;
    kernels::DeviceMemory moe_norm;
    kernels::DeviceMemory q_norm;
    kernels::DeviceMemory k_norm;
    std::unique_ptr<kernels::PackedMatrix> qkv;
    std::unique_ptr<kernels::PackedMatrix> attention_out;
    std::unique_ptr<kernels::PackedMatrix> gate;   // MoE layers
    std::unique_ptr<kernels::PackedExpert> dense;  // other layers
  };

  Transformer(const ModelConfig& config, kernels::Device& device,
              const TransformerOptions& options);
  [[nodiscard]] Result<void> load_embedding(WeightSource& source);
  [[nodiscard]] Result<void> load_layer(WeightSource& source, std::size_t layer);
  [[nodiscard]] Result<void> load_qkv(WeightSource& source, std::size_t layer);
  [[nodiscard]] Result<void> make_rope_tables();
  [[nodiscard]] Result<void> make_head_rows();
  [[nodiscard]] kernels::AttentionParams attention_params(const Layer& layer) const;

  ModelConfig config_;
  kernels::Device& device_;
  TransformerOptions options_;
  std::vector<Layer> layers_;
  kernels::DeviceMemory embedding_;  // as stored: a lookup needs single rows, not the packed head
  kernels::WeightView embedding_view_;
  kernels::DeviceMemory final_norm_;
  std::unique_ptr<kernels::PackedMatrix> head_;
  kernels::DeviceMemory rope_cos_;  // [context, h/2]
  kernels::DeviceMemory rope_sin_;
  kernels::DeviceMemory head_in_;  // [head_rows_max, d]
  kernels::DeviceMemory head_operand_;
  kernels::DeviceMemory head_logits_;  // [head_rows_max, V], for greedy()
  std::size_t bytes_ = 0;
};

}  // namespace switchyard::model
