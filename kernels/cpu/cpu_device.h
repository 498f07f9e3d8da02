// kernels/cpu/cpu_device.h -- the Device of this machine's cores: packing, tiling over panels and
// rows, and threads; the inner loops are those of the chosen kernel set (kernels/op_list.h).
// Contract and laws: kernels/device.h. Thread safety: shared objects: unsafe.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/cpu/cpu_kv_cache.h"
#include "kernels/cpu/fork_limits.h"
#include "kernels/cpu/packing.h"
#include "kernels/cpu/panel_loop.h"
#include "kernels/device.h"
#include "kernels/op_list.h"
#include "kernels/thread_pool.h"
#include "runtime/base/buffer.h"
#include "runtime/base/try_buffer.h"

namespace switchyard::kernels::cpu {

class CpuDevice final : public Device {
 public:
  CpuDevice(KernelSet kernels, Precision precision, std::size_t threads);

  std::string description() const override;
  Precision precision() const noexcept override { return precision_; }
  Result<DeviceMemory> allocate(std::size_t bytes) override {
    SY_ASSIGN(auto memory, try_buffer(bytes));
    return DeviceMemory(std::move(memory));
  }
  Result<HostBuffer> allocate_wire(std::size_t bytes) override { return try_buffer(bytes); }
  Result<void> upload(Bytes from, std::byte* to) override;
  Result<void> download(const std::byte* from, MutableBytes to) override;
  Result<void> synchronize() override { return {}; }
  Result<std::unique_ptr<PackedMatrix>> pack(const WeightView& weight) override;
  Result<std::unique_ptr<PackedExpert>> pack_expert(const WeightView& gate, const WeightView& up,
                                                    const WeightView& down) override;
  Result<std::unique_ptr<PackedMatrix>> pack_gate(const WeightView& weight) override;
  Result<std::unique_ptr<KvCache>> make_kv_cache(const KvCacheShape& shape) override;
  Result<void> reserve(std::size_t tokens, std::size_t pairs, std::size_t hidden,
                       std::size_t inner) override;

  void embed(const WeightView& table, std::span<const std::uint32_t> ids,
             MatrixView<float> out) override;
  void rmsnorm(MatrixView<const float> x, const NormParams& norm, MutableRows operand,
               MatrixView<float> fp32_out) override;
  void gemm(Rows x, const PackedMatrix& weight, MatrixView<float> y, Store store) override;
  void gate(MatrixView<const float> x, const PackedMatrix& gate, MatrixView<float> logits) override;
  void attention(const AttentionParams& params, KvCache& cache, std::size_t layer,
                 const KvRows& rows, MatrixView<float> q, MatrixView<float> k, MatrixView<float> v,
                 MutableRows out) override;
  void dense_ffn(Rows x, const PackedExpert& ffn, MatrixView<float> y) override;
  void expert_ffn(Rows x, std::span<const std::uint32_t> pair_row,
                  std::span<const std::uint32_t> pair_out, std::span<const ExpertGroup> groups,
                  MutableRows y) override;
  void combine(std::span<const std::uint32_t> slot_begin, std::span<const CombineSlot> slots,
               DType wire_dtype, MatrixView<float> residual) override;
  void convert(Rows src, MutableRows dst) override;
  void gather_rows(Rows x, std::span<const std::uint32_t> rows, MutableRows to) override;
  void row_variance(MatrixView<const float> x, std::span<float> out) override;
  void argmax(MatrixView<const float> logits, std::span<std::uint32_t> ids) override;

 private:
  // A tile of query rows of one kv head.
  struct AttentionItem {
    std::uint32_t token = 0;  // first row of the run
    std::uint32_t kv_head = 0;
    std::uint32_t first_row = 0;
    std::uint32_t rows = 0;
  };
  struct AttentionStep {
    const AttentionParams& params;
    CpuKvCache& cache;
    std::size_t layer = 0;
    const KvRows& rows;
    MatrixView<float> q;
    MatrixView<float> k;
    MatrixView<float> v;
    MutableRows out;
  };

  [[nodiscard]] PanelShape shape_of(const GemmKernel& kernel) const;
  [[nodiscard]] Epilogue swiglu() const noexcept;
  // Rows between the two halves of an FFN: [rows, inner] operand type.
  [[nodiscard]] MutableRows inner_rows(std::size_t rows, std::size_t inner);

  // body(row) for every row; on this thread alone when `row_bytes` x rows is little.
  template <class Body>
  void for_rows(std::size_t rows, std::size_t row_bytes, const Body& body) {
    constexpr std::size_t kRowsPerItem = 8;
    if (rows * row_bytes < kForkRowBytesMin) {
      for (std::size_t r = 0; r < rows; ++r) body(r);
      return;
    }
    pool_.parallel_for((rows + kRowsPerItem - 1) / kRowsPerItem, [&](const LoopItem& item) {
      const std::size_t end = std::min(rows, (item.index + 1) * kRowsPerItem);
      for (std::size_t r = item.index * kRowsPerItem; r < end; ++r) body(r);
    });
  }
  // Returns a measure of the work: bytes of keys and values read, once per register tile of rows.
  std::size_t plan_attention(const AttentionStep& step);
  void prepare_row(const AttentionStep& step, std::size_t t);
  void clear_new_pages(const AttentionStep& step);
  void attend(const AttentionStep& step, const AttentionItem& item, std::size_t participant);

  KernelSet kernels_;
  Precision precision_;
  ThreadPool pool_;
  WeightArena arena_;
  PanelLoop panel_loop_;
  HostBuffer inner_;
  HostBuffer attention_scratch_;  // one block per thread
  std::vector<AttentionItem> attention_items_;
};

}  // namespace switchyard::kernels::cpu
