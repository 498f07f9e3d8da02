// kernels/device.h -- the one door to compute: memory, packed weights, KV cache and the ops.
// Implemented by kernels/cpu and kernels/cuda; nothing above knows which it has.
// Laws of every op: batch-invariant (a row's result does not depend on the other rows, on their
// number or on the number of threads: sums over K run in one fixed order), deterministic, no
// allocation after the objects are made. All ops are called from one thread and run in the order of
// the calls; what one wrote the next may read, and the host after synchronize() or download() (a
// cpu is done when the call returns). Matrices and rows lie in the device's memory or in wire
// memory; small tables of a call (ids, positions, page tables, pairs, slots) lie in host memory,
// are read before the call returns and may be reused at once. Shapes: T tokens (rows), d hidden, E
// experts, f expert inner size, H query heads, G kv heads, h head size.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/device_memory.h"
#include "runtime/base/buffer.h"
#include "runtime/base/device_queue.h"
#include "runtime/base/error.h"
#include "runtime/base/selection_rule.h"
#include "runtime/base/view.h"

namespace switchyard::kernels {

// fp32: activations and weights are used as fp32. bf16: matmul operands (and the KV cache) are
// rounded to bf16, products are summed in fp32. The residual stream and the gate are fp32 in both.
enum class Precision { kFp32, kBf16 };

[[nodiscard]] constexpr DType operand_dtype(Precision precision) noexcept {
  return precision == Precision::kBf16 ? DType::kBf16 : DType::kF32;
}

// A weight matrix as the checkpoint stores it: [out, in] row-major, any alignment, fp32, fp16 or
// bf16.
struct WeightView {
  const std::byte* data = nullptr;
  DType dtype = DType::kBf16;
  std::size_t out = 0;
  std::size_t in = 0;
};

// A weight matrix in the device's own blocked order; made once, used as y = x * W^T.
class PackedMatrix {
 public:
  virtual ~PackedMatrix() = default;
  [[nodiscard]] virtual std::size_t out() const noexcept = 0;
  [[nodiscard]] virtual std::size_t in() const noexcept = 0;
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;  // memory held, padding included
};

// One SwiGLU expert: down( silu(gate x) * (up x) ), gate and up interleaved by the device.
class PackedExpert {
 public:
  virtual ~PackedExpert() = default;
  [[nodiscard]] virtual std::size_t hidden() const noexcept = 0;  // d
  [[nodiscard]] virtual std::size_t inner() const noexcept = 0;   // f
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;
};

struct KvCacheShape {
  std::size_t layers = 0;
  std::size_t kv_heads = 0;
  std::size_t head_size = 0;
  std::size_t pages = 0;  // pages in the pool; page p of every layer belongs to one sequence
};

// Keys and values in pages of kKvPageTokens positions, for all layers. Which sequence owns which
// page is the engine's business (runtime/engine/kv_pages.h); the device only reads page tables.
// Attention walks the pages of a sequence in order: one page is one block of the online softmax.
inline constexpr std::size_t kKvPageTokens = 64;
class KvCache {
 public:
  virtual ~KvCache() = default;
  [[nodiscard]] virtual const KvCacheShape& shape() const noexcept = 0;
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;
};

// Where the rows of a step sit in their sequences: row t is token `position[t]` of the sequence
// whose page table is `pages[t]` (page of positions 0..63, 64..127, ...; long enough for position).
// Rows of one sequence are adjacent and ascending in position.
struct KvRows {
  std::span<const std::uint32_t> position;      // [T]
  std::span<const std::uint32_t* const> pages;  // [T], each [position/64 + 1]
};

// RMSNorm over the whole row, a gain per element: y = x * rsqrt(mean(x^2) + eps) * gain.
struct NormParams {
  std::span<const float> gain;  // device memory
  float eps = 1e-6F;
};

// How q and k are prepared after the projection, before attention.
enum class QkNorm {
  kNone,
  kPerHead /* Qwen3: gain [h] */,
  kWholeRow /* OLMoE: gain [H*h], [G*h] */
};
struct AttentionParams {
  std::size_t heads = 0;      // H
  std::size_t kv_heads = 0;   // G, divides H
  std::size_t head_size = 0;  // h, even
  QkNorm qk_norm = QkNorm::kNone;
  NormParams q_norm;  // unused for kNone
  NormParams k_norm;
  float clip_qkv = 0;  // OLMoE: clamp q, k, v to +-clip after the norm; 0 = off
  // Device memory. [positions_max, h/2], angle = position * theta^(-2i/h), NeoX halves
  std::span<const float> rope_cos;
  std::span<const float> rope_sin;  // same shape
};

// A run of pairs that one expert serves. Pairs are grouped by expert.
struct ExpertGroup {
  const PackedExpert* expert = nullptr;
  std::uint32_t pair_begin = 0;
  std::uint32_t pair_count = 0;
};

// For one token of combine: its contributions in slot order (rank j of the token's selection).
struct CombineSlot {
  const std::byte* row = nullptr;  // [d] of the wire dtype; nullptr = dropped, contributes nothing
  float weight = 0;
};

// What a selector writes; wire memory. Token t keeps count[t] experts: experts[t * k_max + j] with
// weights[t * k_max + j], best first. A count of 0: its logits were not finite, the host decides.
struct SelectedRows {
  std::size_t k_max = 0;             // at least the rule's
  std::span<std::uint32_t> count;    // [T]
  std::span<std::uint32_t> experts;  // [T * k_max]
  std::span<float> weights;          // [T * k_max]
};

// Chooses experts where the gate's logits are. Ordered with the ops of its device.
class ExpertSelector {
 public:
  virtual ~ExpertSelector() = default;
  // logits: [T, E], device or wire memory, E <= 1024. The rule's bias lies in host memory and is
  // read before the call returns. To the bit what runtime/routing decides by the same rule.
  virtual void select(MatrixView<const float> logits, const SelectionRule& rule,
                      const SelectedRows& out) = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  // "cpu avx512-bf16, 2 threads": for reports.
  [[nodiscard]] virtual std::string description() const = 0;
  [[nodiscard]] virtual Precision precision() const noexcept = 0;

  // --- memory ---
  // Zeroed memory for what only ops touch: activations, norm gains, tables. Errors: kLimit.
  [[nodiscard]] virtual Result<DeviceMemory> allocate(std::size_t bytes) = 0;
  // Zeroed memory that ops, host code and a transport may all touch: messages, logits. Host memory,
  // on a GPU pinned and mapped. A transport that moves rows between devices by itself (NCCL) takes
  // this for headers and pairs only, and has the rows gathered into memory from allocate() instead:
  // gather_rows and expert_ffn do not care which of the two a row lies in. Errors: kLimit.
  [[nodiscard]] virtual Result<HostBuffer> allocate_wire(std::size_t bytes) = 0;
  // Host memory to device memory and back. Done when they return.
  [[nodiscard]] virtual Result<void> upload(Bytes from, std::byte* to) = 0;
  [[nodiscard]] virtual Result<void> download(const std::byte* from, MutableBytes to) = 0;
  // Waits for every op so far. Errors: the first failure of an op since the device was made
  // (kInternal or kUnsupported, scope kDevice): the device is lost, and ops do nothing from then
  // on.
  [[nodiscard]] virtual Result<void> synchronize() = 0;
  // The same, for a host that has other things to do: calls `meanwhile` again and again until the
  // ops are done. It comes back soon and calls no op. Errors: also its first one, which ends the
  // calls, not the wait.
  using Meanwhile = std::function<Result<void>()>;
  [[nodiscard]] virtual Result<void> synchronize_while(const Meanwhile& /*meanwhile*/) {
    return synchronize();
  }
  // Where ops run later than their calls return: for work that is ordered with them.
  [[nodiscard]] virtual DeviceQueue queue() const noexcept { return {}; }
  // The first failure of an op as far as it is known by now; never waits.
  [[nodiscard]] virtual Result<void> health() { return {}; }
  // A point behind every op so far, and whether all before it is done; neither waits, but for the
  // 64th point before.
  [[nodiscard]] virtual Result<std::uint64_t> mark() { return std::uint64_t{0}; }
  [[nodiscard]] virtual Result<bool> passed(std::uint64_t /*mark*/) { return true; }

  // --- objects; may allocate, may fail (kBadInput names a non-finite weight by [row, column]) ---
  [[nodiscard]] virtual Result<std::unique_ptr<PackedMatrix>> pack(const WeightView& weight) = 0;
  // gate, up: [f, d]; down: [d, f].
  [[nodiscard]] virtual Result<std::unique_ptr<PackedExpert>> pack_expert(
      const WeightView& gate, const WeightView& up, const WeightView& down) = 0;
  // The gate of a layer [E, d], always used in fp32.
  [[nodiscard]] virtual Result<std::unique_ptr<PackedMatrix>> pack_gate(
      const WeightView& weight) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<KvCache>> make_kv_cache(
      const KvCacheShape& shape) = 0;
  // Books scratch memory for steps of at most `tokens` rows (and, for expert_ffn, `pairs` pairs of
  // inner size `inner`); ops beyond that are check failures. May be called again to grow.
  [[nodiscard]] virtual Result<void> reserve(std::size_t tokens, std::size_t pairs,
                                             std::size_t hidden, std::size_t inner) = 0;

  // --- ops ---
  // out[t] = table[ids[t]] as fp32. table: [V, d] as the checkpoint stores it, in device memory.
  virtual void embed(const WeightView& table, std::span<const std::uint32_t> ids,
                     MatrixView<float> out) = 0;
  // operand [T, d] in operand dtype; optionally also the unrounded fp32 result (for the gate).
  virtual void rmsnorm(MatrixView<const float> x, const NormParams& norm, MutableRows operand,
                       MatrixView<float> fp32_out /* empty view: not wanted */) = 0;
  // y = x * W^T, or y += x * W^T (the residual). x: operand dtype [T, in]; y: fp32 [T, out].
  enum class Store { kSet, kAdd };
  virtual void gemm(Rows x, const PackedMatrix& weight, MatrixView<float> y, Store store) = 0;
  // logits[T, E] = x * G^T in fp32.
  virtual void gate(MatrixView<const float> x, const PackedMatrix& gate,
                    MatrixView<float> logits) = 0;
  // q [T, H*h], k and v [T, G*h] fp32, straight from the projections (they are overwritten):
  // norm, clip, RoPE; k and v go to their places in the cache at `layer`; then causal attention
  // over positions 0..position[t] with scale h^-0.5. out: operand dtype [T, H*h].
  virtual void attention(const AttentionParams& params, KvCache& cache, std::size_t layer,
                         const KvRows& rows, MatrixView<float> q, MatrixView<float> k,
                         MatrixView<float> v, MutableRows out) = 0;
  // Dense SwiGLU of a non-MoE layer (Qwen3 mlp_only_layers): y += down(silu(gate x) * (up x)).
  virtual void dense_ffn(Rows x, const PackedExpert& ffn, MatrixView<float> y) = 0;
  // For every pair p of every group: y.row(pair_out[p]) = expert(x.row(pair_row[p])).
  // x: operand dtype [rows, d]; y: fp32 or bf16 (the wire dtype) [*, d]; pair_row, pair_out:
  // [pairs].
  virtual void expert_ffn(Rows x, std::span<const std::uint32_t> pair_row,
                          std::span<const std::uint32_t> pair_out,
                          std::span<const ExpertGroup> groups, MutableRows y) = 0;
  // residual[t] += sum over j = slot_begin[t] .. slot_begin[t+1]-1, in that order, of
  // weight_j * row_j, summed in fp32 from zero before the residual is added. slot_begin: [T+1].
  virtual void combine(std::span<const std::uint32_t> slot_begin,
                       std::span<const CombineSlot> slots, DType wire_dtype,
                       MatrixView<float> residual) = 0;
  // dst = src converted (bf16 <-> fp32 or a copy). Same shape.
  virtual void convert(Rows src, MutableRows dst) = 0;
  // to.row(i) = x.row(rows[i]), bytes as they are. Same dtype and width.
  virtual void gather_rows(Rows x, std::span<const std::uint32_t> rows, MutableRows to) = 0;
  // out[t] = population variance of x[t]; sums in fp64 in index order. out: wire memory.
  virtual void row_variance(MatrixView<const float> x, std::span<float> out) = 0;
  // ids[t] = the first column in which logits[t] is greatest (kernels/ops/greatest.h: a NaN counts
  // as -infinity), or kNoIndex where that is not finite. ids: wire memory, [T].
  virtual void argmax(MatrixView<const float> logits, std::span<std::uint32_t> ids) = 0;

  // Null where the host reads logits as fast as the device (a cpu): routing happens there.
  [[nodiscard]] virtual ExpertSelector* expert_selector() noexcept { return nullptr; }
};

// What multiplies many rows on a GPU. kCublas gives up the first law of ops for the products of 64
// rows or more (the gate never): cuBLAS picks its kernel, and with it the order of its sums, by the
// number of rows.
enum class CudaGemm { kInvariant, kCublas };

// Options of a device; each reads what concerns it.
struct DeviceOptions {
  Precision precision = Precision::kBf16;
  std::size_t threads = 0;   // cpu; 0: one per core this process may use
  std::string isa = "auto";  // cpu; auto, avx512-bf16, avx512, avx2, ref: forces a kernel set
  CudaGemm cuda_gemm = CudaGemm::kInvariant;  // cuda
  std::size_t rank_on_host = 0;               // cuda; the host's ranks take its GPUs in turn
};

// One line per (op, candidate), best first: what runs and why the better ones declined.
struct KernelChoice {
  std::string op;
  std::string candidate;
  bool chosen = false;
  std::string reason;  // why it was declined; empty when chosen or not reached
};

// name: cpu, cuda. Errors: kUsage for another; kUnsupported where this build or machine lacks what
// the device needs, saying what.
[[nodiscard]] Result<std::unique_ptr<Device>> make_device(std::string_view name,
                                                          const DeviceOptions& options);
[[nodiscard]] Result<std::vector<KernelChoice>> explain_kernels(std::string_view name,
                                                                const DeviceOptions& options);

}  // namespace switchyard::kernels
