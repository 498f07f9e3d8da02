// kernels/cpu/cpu_device.h -- the Device of this machine's cores: packing, tiling over panels and rows,
// and threads; the inner loops are those of the chosen kernel set (kernels/op_list.h).
// Contract and laws: kernels/device.h. Thread safety: shared objects: unsafe.
#pragma once

#include <memory>
#include <vector>

#include "kernels/cpu/packed_weights.h"
#include "kernels/device.h"
#include "kernels/op_list.h"
#include "kernels/thread_pool.h"
#include "runtime/base/buffer.h"

namespace switchyard::kernels::cpu {

class CpuDevice final : public Device {
 public:
  CpuDevice(KernelSet kernels, Precision precision, std::size_t threads);

  std::string description() const override;
  Precision precision() const noexcept override { return precision_; }
  Result<std::unique_ptr<PackedMatrix>> pack(const WeightView& weight) override;
  Result<std::unique_ptr<PackedExpert>> pack_expert(const WeightView& gate, const WeightView& up,
                                                    const WeightView& down) override;
  Result<std::unique_ptr<PackedMatrix>> pack_gate(const WeightView& weight) override;
  Result<std::unique_ptr<KvCache>> make_kv_cache(const KvCacheShape& shape) override;
  void reserve(std::size_t tokens, std::size_t pairs, std::size_t hidden,
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

 private:
  // One panel of one expert, or of a block of rows.
  struct PanelItem {
    std::uint32_t group = 0;
    std::uint32_t panel = 0;
  };
  struct AttentionItem {
    std::uint32_t token = 0;     // first row of the run
    std::uint32_t kv_head = 0;
    std::uint32_t first_row = 0;
    std::uint32_t rows = 0;
  };

  void run_panels(const GemmKernel& kernel, const Panels& panels, const PanelTask& shape);
  void run_inner(Rows x, std::span<const std::uint32_t> pair_row,
                 std::span<const ExpertGroup> groups, MutableRows inner);
  void run_down(std::span<const std::uint32_t> pair_out, std::span<const ExpertGroup> groups,
                Rows inner, MutableRows y);
  template <class Body>
  void for_rows(std::size_t rows, const Body& body);
  // On this thread alone where the work is too small to wake others for.
  template <class Body>
  void for_items(std::size_t items, std::size_t work_bytes, const Body& body) {
    constexpr std::size_t kForkBytesMin = std::size_t{48} << 10;
    if (work_bytes < kForkBytesMin) {
      ThreadPool::run_inline(items, body);
    } else {
      pool_.parallel_for(items, body);
    }
  }
  void plan_attention(const AttentionParams& params, const KvRows& rows);
  void prepare_row(const AttentionParams& params, KvCache& cache, std::size_t layer,
                   const KvRows& rows, std::size_t t, MatrixView<float> q, MatrixView<float> k,
                   MatrixView<float> v);

  KernelSet kernels_;
  Precision precision_;
  ThreadPool pool_;
  HostBuffer inner_;                       // [pairs, inner] operand rows between the two FFN halves
  HostBuffer attention_scratch_;           // one block per thread
  std::vector<PanelItem> panel_items_;
  std::vector<AttentionItem> attention_items_;
};

}  // namespace switchyard::kernels::cpu
