// runtime/model/weight_source.h -- where weights come from: a checkpoint directory or memory.
// Names are family-neutral; families translate them to the tensor names of their files.
// Thread safety: shared objects: unsafe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "kernels/device.h"
#include "runtime/base/error.h"
#include "runtime/model/model_config.h"

namespace switchyard::model {

// The matrices of a model by what they are. Layer-less roles ignore `layer`; only expert roles use
// `expert`.
enum class WeightRole {
  kEmbedding,      // [V, d]
  kHead,           // [V, d]; the embedding where tied
  kFinalNorm,      // [d] as [1, d]
  kAttentionNorm,  // [1, d]
  kMoeNorm,        // [1, d]
  kQuery,          // [H*h, d]
  kKey,            // [G*h, d]
  kValue,          // [G*h, d]
  kAttentionOut,   // [d, H*h]
  kQueryNorm,      // [1, *]
  kKeyNorm,        // [1, *]
  kGate,           // [E, d]
  kExpertGate,     // [f, d]
  kExpertUp,       // [f, d]
  kExpertDown,     // [d, f]
  kDenseGate,      // a dense layer's MLP
  kDenseUp,
  kDenseDown,
};

struct WeightId {
  WeightRole role = WeightRole::kEmbedding;
  std::size_t layer = 0;
  std::size_t expert = 0;
};

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  [[nodiscard]] virtual const ModelConfig& config() const noexcept = 0;
  // The weight as stored; the view is valid until the next get() or release(). Only its bytes are
  // read. Errors: kNotFound / kBadInput naming file and tensor.
  [[nodiscard]] virtual Result<kernels::WeightView> get(const WeightId& id) = 0;
  // File and tensor of a weight, for messages; empty where there is no file.
  [[nodiscard]] virtual std::string place_of(const WeightId& /*id*/) const { return {}; }
  // Tells sets of weights apart: names, types, shapes and places of all tensors, and a sample of
  // their values. Not the configuration (fingerprint.h).
  [[nodiscard]] virtual std::uint64_t fingerprint() const = 0;
  // Gives pages that were read back to the system (they are packed by now).
  virtual void release() noexcept = 0;
  // Bytes read so far: shows that an expert rank reads only its experts.
  [[nodiscard]] virtual std::size_t bytes_read() const noexcept = 0;
};

// Opens config.json + safetensors of a directory; validates all headers and the presence, shape and
// dtype of every tensor the family needs before anything is read.
// Errors: kNotFound, kBadInput, kUnsupported, each naming file and key or tensor.
[[nodiscard]] Result<std::unique_ptr<WeightSource>> open_checkpoint(const std::string& directory);

// Random weights (seeded, scaled like a trained model) for benchmarks: nothing is read from disk.
[[nodiscard]] std::unique_ptr<WeightSource> make_random_weights(const ModelConfig& config,
                                                                std::uint64_t seed);

}  // namespace switchyard::model
