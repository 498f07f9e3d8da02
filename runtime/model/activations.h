// runtime/model/activations.h -- the working memory of one micro-batch on its device, made once and
// reused. Gate logits and the residual's variance are wire memory: routing reads them on the host.
// On a device that chooses experts by itself there is a second place for the logits, in its memory,
// and wire memory for what it has chosen. Holds values only; the arithmetic is in transformer.h.
// Thread safety: shared objects: unsafe.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/device.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/model/model_config.h"

namespace switchyard::model {

// Buffers for up to tokens_max rows; resize(T) sets how many are in use.
class Activations {
 public:
  // Errors: kLimit where the device has not so much memory.
  [[nodiscard]] static Result<Activations> create(const ModelConfig& config,
                                                  kernels::Device& device, std::size_t tokens_max);

  void resize(std::size_t tokens);
  [[nodiscard]] std::size_t tokens() const noexcept { return tokens_; }
  [[nodiscard]] std::size_t tokens_max() const noexcept { return tokens_max_; }

  [[nodiscard]] MatrixView<float> residual() noexcept {
    return {residual_.f32(), tokens_, hidden_};
  }
  [[nodiscard]] MatrixView<float> normed() noexcept { return {normed_.f32(), tokens_, hidden_}; }
  [[nodiscard]] MutableRows operand() noexcept { return rows(operand_, hidden_); }
  [[nodiscard]] MutableRows attention_out() noexcept { return rows(attention_, query_); }
  // q, k and v side by side: [T, H*h + 2*G*h]; the parts are column ranges of it.
  [[nodiscard]] MatrixView<float> qkv() noexcept {
    return {qkv_.f32(), tokens_, query_ + 2 * key_};
  }
  [[nodiscard]] MatrixView<float> q() noexcept { return part(0, query_); }
  [[nodiscard]] MatrixView<float> k() noexcept { return part(query_, key_); }
  [[nodiscard]] MatrixView<float> v() noexcept { return part(query_ + key_, key_); }
  [[nodiscard]] MatrixView<float> gate_logits() noexcept {
    return {gate_.data(), tokens_, experts_};
  }
  // Only on a device with an expert_selector().
  [[nodiscard]] MatrixView<float> device_gate_logits() noexcept {
    return {device_gate_.f32(), tokens_, experts_};
  }
  [[nodiscard]] kernels::SelectedRows selected(std::size_t k_max) noexcept {
    return {k_max, selected_count_.span().first(tokens_),
            selected_experts_.span().first(tokens_ * k_max),
            selected_weights_.span().first(tokens_ * k_max)};
  }
  [[nodiscard]] std::span<float> residual_variance() noexcept {
    return variance_.span().first(tokens_);
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  Activations(const ModelConfig& config, kernels::Precision precision, std::size_t tokens_max);

  [[nodiscard]] Result<void> make_selected(kernels::Device& device);
  MutableRows rows(kernels::DeviceMemory& buffer, std::size_t cols) noexcept {
    return {buffer.data(), operand_dtype_, tokens_, cols, cols};
  }
  MatrixView<float> part(std::size_t begin, std::size_t cols) noexcept {
    return {qkv_.f32() + begin, tokens_, cols, query_ + 2 * key_};
  }

  std::size_t hidden_;
  std::size_t query_;  // H * h
  std::size_t key_;    // G * h
  std::size_t experts_;
  DType operand_dtype_;
  std::size_t tokens_max_;
  std::size_t tokens_ = 0;
  kernels::DeviceMemory residual_;
  kernels::DeviceMemory normed_;
  kernels::DeviceMemory qkv_;
  kernels::DeviceMemory operand_;
  kernels::DeviceMemory attention_;
  Array<float> gate_;
  Array<float> variance_;
  kernels::DeviceMemory device_gate_;
  Array<std::uint32_t> selected_count_;    // [tokens_max]
  Array<std::uint32_t> selected_experts_;  // [tokens_max, E]
  Array<float> selected_weights_;          // likewise
  std::size_t bytes_ = 0;
};

}  // namespace switchyard::model
