// tests/gpu/synced_device.h -- a device whose ops are done when they return, as tests written for
// the cpu expect: each is followed by synchronize(). Thread safety: as the device inside.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "kernels/device.h"

namespace switchyard::kernels::test {

class SyncedDevice final : public Device {
 public:
  explicit SyncedDevice(std::unique_ptr<Device> inside) : inside_(std::move(inside)) {}

  std::string description() const override { return inside_->description(); }
  Precision precision() const noexcept override { return inside_->precision(); }
  Result<DeviceMemory> allocate(std::size_t bytes) override { return inside_->allocate(bytes); }
  Result<HostBuffer> allocate_wire(std::size_t bytes) override {
    return inside_->allocate_wire(bytes);
  }
  Result<void> upload(Bytes from, std::byte* to) override { return inside_->upload(from, to); }
  Result<void> download(const std::byte* from, MutableBytes to) override {
    return inside_->download(from, to);
  }
  Result<void> synchronize() override { return inside_->synchronize(); }
  Result<void> synchronize_while(const Meanwhile& meanwhile) override {
    return inside_->synchronize_while(meanwhile);
  }
  Result<void> health() override { return inside_->health(); }
  Result<std::uint64_t> mark() override { return inside_->mark(); }
  Result<bool> passed(std::uint64_t mark) override { return inside_->passed(mark); }
  Result<std::unique_ptr<PackedMatrix>> pack(const WeightView& weight) override {
    return inside_->pack(weight);
  }
  Result<std::unique_ptr<PackedExpert>> pack_expert(const WeightView& gate, const WeightView& up,
                                                    const WeightView& down) override {
    return inside_->pack_expert(gate, up, down);
  }
  Result<std::unique_ptr<PackedMatrix>> pack_gate(const WeightView& weight) override {
    return inside_->pack_gate(weight);
  }
  Result<std::unique_ptr<KvCache>> make_kv_cache(const KvCacheShape& shape) override {
    return inside_->make_kv_cache(shape);
  }
  Result<void> reserve(std::size_t tokens, std::size_t pairs, std::size_t hidden,
                       std::size_t inner) override {
    return inside_->reserve(tokens, pairs, hidden, inner);
  }
  void embed(const WeightView& table, std::span<const std::uint32_t> ids,
             MatrixView<float> out) override {
    done([&] { inside_->embed(table, ids, out); });
  }
  void rmsnorm(MatrixView<const float> x, const NormParams& norm, MutableRows operand,
               MatrixView<float> fp32_out) override {
    done([&] { inside_->rmsnorm(x, norm, operand, fp32_out); });
  }
  void gemm(Rows x, const PackedMatrix& weight, MatrixView<float> y, Store store) override {
    done([&] { inside_->gemm(x, weight, y, store); });
  }
  void gate(MatrixView<const float> x, const PackedMatrix& gate,
            MatrixView<float> logits) override {
    done([&] { inside_->gate(x, gate, logits); });
  }
  void attention(const AttentionParams& params, KvCache& cache, std::size_t layer,
                 const KvRows& rows, MatrixView<float> q, MatrixView<float> k, MatrixView<float> v,
                 MutableRows out) override {
    done([&] { inside_->attention(params, cache, layer, rows, q, k, v, out); });
  }
  void dense_ffn(Rows x, const PackedExpert& ffn, MatrixView<float> y) override {
    done([&] { inside_->dense_ffn(x, ffn, y); });
  }
  void expert_ffn(Rows x, std::span<const std::uint32_t> pair_row,
                  std::span<const std::uint32_t> pair_out, std::span<const ExpertGroup> groups,
                  MutableRows y) override {
    done([&] { inside_->expert_ffn(x, pair_row, pair_out, groups, y); });
  }
  void combine(std::span<const std::uint32_t> slot_begin, std::span<const CombineSlot> slots,
               DType wire_dtype, MatrixView<float> residual) override {
    done([&] { inside_->combine(slot_begin, slots, wire_dtype, residual); });
  }
  void convert(Rows src, MutableRows dst) override {
    done([&] { inside_->convert(src, dst); });
  }
  void gather_rows(Rows x, std::span<const std::uint32_t> rows, MutableRows to) override {
    done([&] { inside_->gather_rows(x, rows, to); });
  }
  void row_variance(MatrixView<const float> x, std::span<float> out) override {
    done([&] { inside_->row_variance(x, out); });
  }
  void argmax(MatrixView<const float> logits, std::span<std::uint32_t> ids) override {
    done([&] { inside_->argmax(logits, ids); });
  }
  ExpertSelector* expert_selector() noexcept override { return inside_->expert_selector(); }

 private:
  template <class Op>
  void done(const Op& op) {
    op();
    const auto synchronized = synchronize();
    EXPECT_TRUE(synchronized) << (synchronized ? "" : synchronized.error().message);
  }

  std::unique_ptr<Device> inside_;
};

}  // namespace switchyard::kernels::test
