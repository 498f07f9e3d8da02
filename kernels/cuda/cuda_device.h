// kernels/cuda/cuda_device.h -- the Device of one NVIDIA GPU: every op queues kernels on one stream
// and returns; nothing waits but synchronize(), download() and loading. The first call that fails
// is kept, later ops do nothing, and synchronize() reports it. Contract and laws: kernels/device.h.
// Thread safety: shared objects: unsafe (the thread that made it).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/attention_plan.h"
#include "kernels/cuda/cuda_memory.h"
#include "kernels/cuda/cuda_packing.h"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/library_gemm.h"
#include "kernels/cuda/mark_ring.h"
#include "kernels/cuda/table_ring.h"
#include "kernels/device.h"

namespace switchyard::kernels::cuda {

class CudaDevice final : public Device, private ExpertSelector {
 public:
  // `gpu`: CUDA's number of the device. Errors: kUnsupported, kLimit.
  [[nodiscard]] static Result<std::unique_ptr<Device>> create(int gpu,
                                                              const DeviceOptions& options);

  std::string description() const override { return description_; }
  Precision precision() const noexcept override { return precision_; }

  Result<DeviceMemory> allocate(std::size_t bytes) override;
  Result<HostBuffer> allocate_wire(std::size_t bytes) override;
  Result<void> upload(Bytes from, std::byte* to) override;
  Result<void> download(const std::byte* from, MutableBytes to) override;
  Result<void> synchronize() override;
  Result<void> synchronize_while(const Meanwhile& meanwhile) override;

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
  ExpertSelector* expert_selector() noexcept override { return this; }
  DeviceQueue queue() const noexcept override { return {stream_.get()}; }
  Result<void> health() override;
  Result<std::uint64_t> mark() override;
  Result<bool> passed(std::uint64_t mark) override;

 private:
  void select(MatrixView<const float> logits, const SelectionRule& rule,
              const SelectedRows& out) override;

  // Groups of one inner width, as the two halves of the FFN see them.
  struct ExpertRun {
    std::span<const ExpertGroup> groups;
    std::size_t inner = 0;
    std::size_t tile_rows = 0;
    std::size_t tile_count = 0;
    MatmulTeam team = MatmulTeam::kOneWarp;
  };

  CudaDevice(Precision precision, std::string description, Stream stream, Event done,
             TableRing tables, Packer packer, MarkRing marks) noexcept;
  [[nodiscard]] DType operand() const noexcept { return operand_dtype(precision_); }
  // Keeps the first failure; false once there is one.
  bool fine(Result<void> result);
  bool fine(cudaError_t status, std::string_view what);
  [[nodiscard]] Result<void> wait();
  [[nodiscard]] Result<void> grow(DeviceMemory& memory, std::size_t bytes);
  // Whether a product of so many rows with a result of this type goes to the library.
  [[nodiscard]] bool by_library(std::size_t rows, DType result) const noexcept;
  void library_multiply(const DeviceMatrix& matrix, ConstRowBlock x, std::size_t rows, RowBlock y,
                        LibraryStore store);
  // y = or += expert(x), by way of `inner`, all of `rows` rows.
  void library_ffn(const CudaPackedExpert& expert, ConstRowBlock x, RowBlock inner,
                   std::size_t rows, RowBlock y, LibraryStore store);
  void multiply(const DeviceMatrix& matrix, ConstRowBlock x, std::size_t rows, RowBlock y,
                MatmulStore store);
  [[nodiscard]] RowBlock scratch(DeviceMemory& memory, std::size_t rows, std::size_t cols,
                                 DType dtype);
  void run_experts(const ExpertRun& run, RowBlock x, RowBlock y);
  void run_experts_by_library(const ExpertRun& run, RowBlock x, RowBlock y);
  [[nodiscard]] Result<void> reserve_partials(const KvCacheShape& shape);
  struct AttentionTables;
  [[nodiscard]] AttentionTables send_attention_plan(const KvRows& rows);

  Precision precision_;
  MatmulTeam team_ = MatmulTeam::kOneWarp;
  std::string description_;
  Stream stream_;
  Event done_;
  TableRing tables_;
  Packer packer_;
  DeviceMemory permuted_;                 // [pairs, d] rows in the order of the experts
  DeviceMemory inner_;                    // [pairs or tokens, f]
  DeviceMemory results_;                  // [pairs, d] in the wire type
  std::unique_ptr<LibraryGemm> library_;  // null: not asked for
  DeviceMemory gate_up_;                  // [kLibraryChunkRows at most, 2 f] fp32, for the library
  DeviceMemory partials_;                 // AttendPartials, [kPartialRows]
  AttentionPlan plan_;
  std::optional<Error> failure_;
  MarkRing marks_;
};

}  // namespace switchyard::kernels::cuda
