// kernels/cuda/kernels.h -- what the .cu files offer to the host: one function per kernel, which
// queues it on a stream, and the plain structs it takes. All pointers are addresses that kernels
// can follow: device memory or pinned host memory. Rows need the alignment of their elements only;
// kernels use 16-byte accesses where rows allow it.
// Not the device (cuda_device.h). Thread safety: as the stream's.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "runtime/base/dtype.h"
#include "runtime/base/selection_rule.h"

namespace switchyard::kernels::cuda {

// `count` rows of `cols` elements.
struct RowBlock {
  std::byte* data = nullptr;
  DType dtype = DType::kF32;
  std::size_t stride_bytes = 0;
};
struct ConstRowBlock {
  const std::byte* data = nullptr;
  DType dtype = DType::kF32;
  std::size_t stride_bytes = 0;
};

// --- rows.cu ---
struct EmbedArgs {
  const std::byte* table = nullptr;  // [V, cols]
  DType dtype = DType::kBf16;
  const std::uint32_t* ids = nullptr;  // [rows]
  float* out = nullptr;
  std::size_t out_stride = 0;  // elements
  std::size_t rows = 0;
  std::size_t cols = 0;
};
[[nodiscard]] cudaError_t launch_embed(cudaStream_t stream, const EmbedArgs& args);

struct RmsNormArgs {
  const float* x = nullptr;
  std::size_t x_stride = 0;  // elements
  const float* gain = nullptr;
  float eps = 0;
  RowBlock operand;
  float* fp32 = nullptr;  // or null
  std::size_t fp32_stride = 0;
  std::size_t rows = 0;
  std::size_t cols = 0;
};
[[nodiscard]] cudaError_t launch_rmsnorm(cudaStream_t stream, const RmsNormArgs& args);

struct GatherArgs {
  ConstRowBlock from;
  const std::uint32_t* from_row = nullptr;  // [rows]; null: row i
  RowBlock to;
  const std::uint32_t* to_row = nullptr;  // [rows]; null: row i
  std::size_t rows = 0;
  std::size_t row_bytes = 0;
};
// to.row(to_row[i]) = from.row(from_row[i]): permute and unpermute.
[[nodiscard]] cudaError_t launch_gather(cudaStream_t stream, const GatherArgs& args);

struct ConvertArgs {
  ConstRowBlock from;
  RowBlock to;
  std::size_t rows = 0;
  std::size_t cols = 0;
};
[[nodiscard]] cudaError_t launch_convert(cudaStream_t stream, const ConvertArgs& args);

struct DeviceSlot {
  const std::byte* row = nullptr;  // null: contributes nothing
  float weight = 0;
};
struct CombineArgs {
  const std::uint32_t* slot_begin = nullptr;  // [rows + 1]
  const DeviceSlot* slots = nullptr;
  DType dtype = DType::kBf16;
  float* residual = nullptr;
  std::size_t residual_stride = 0;
  std::size_t rows = 0;
  std::size_t cols = 0;
};
[[nodiscard]] cudaError_t launch_combine(cudaStream_t stream, const CombineArgs& args);

struct VarianceArgs {
  const float* x = nullptr;
  std::size_t x_stride = 0;
  float* out = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
};
[[nodiscard]] cudaError_t launch_row_variance(cudaStream_t stream, const VarianceArgs& args);

// --- argmax.cu ---
struct ArgmaxArgs {
  const float* logits = nullptr;
  std::size_t stride = 0;        // elements
  std::uint32_t* ids = nullptr;  // [rows]
  std::size_t rows = 0;
  std::size_t cols = 0;
};
[[nodiscard]] cudaError_t launch_argmax(cudaStream_t stream, const ArgmaxArgs& args);

// --- select.cu ---
inline constexpr std::size_t kSelectExpertsMax = 1024;
struct SelectArgs {
  const float* logits = nullptr;
  std::size_t stride = 0;            // elements
  SelectionRule rule;                // bias: where kernels can read it
  std::uint32_t* count = nullptr;    // [rows]
  std::uint32_t* experts = nullptr;  // [rows, k_max]
  float* weights = nullptr;          // [rows, k_max]
  std::size_t k_max = 0;
  std::size_t rows = 0;
  std::size_t cols = 0;  // experts
};
[[nodiscard]] cudaError_t launch_select(cudaStream_t stream, const SelectArgs& args);

// --- matmul.cu (fp32 operands), tensor_matmul*.cu (bf16 operands) ---
// Rows that share one matrix: at most kMatmulRows in fp32, one of the other three in bf16.
inline constexpr std::size_t kMatmulRows = 8;
inline constexpr std::size_t kTensorRowsFew = 16;
inline constexpr std::size_t kTensorRowsSome = 64;
inline constexpr std::size_t kTensorRowsMany = 128;
inline constexpr std::size_t kTensorColumnsWide = 128;  // of the latter two
struct MatmulTile {
  const std::byte* weight = nullptr;
  std::uint32_t row_begin = 0;
  std::uint32_t rows = 0;
};
// Swiglu: the matrix's rows are gate 0, up 0, gate 1, up 1, ...; column j is silu(gate j x) * up j
// x.
enum class MatmulStore : std::uint8_t { kSet, kAddF32, kSwiglu };
// Who multiplies a tile of many rows: each warp for itself (mma.sync), or four together (wgmma:
// GPUs of compute capability 9.0, in builds for sm_90a). The bits are the same.
enum class MatmulTeam : std::uint8_t { kOneWarp, kFourWarps };
// For a GPU of compute capability `major`.0 and up, by this build.
[[nodiscard]] MatmulTeam matmul_team(int major) noexcept;
struct MatmulArgs {
  ConstRowBlock x;  // operand type
  std::size_t in = 0;
  std::size_t out = 0;  // rows of a matrix
  std::size_t weight_stride_bytes = 0;
  const MatmulTile* tiles = nullptr;  // [tile_count]; null: one matrix for all rows
  const std::byte* weight = nullptr;  // of all rows
  std::size_t rows = 0;               // of all rows
  std::size_t tile_count = 0;
  std::size_t tile_rows_max = 0;  // of a tile
  MatmulStore store = MatmulStore::kSet;
  MatmulTeam team = MatmulTeam::kOneWarp;
  RowBlock y;
};
[[nodiscard]] cudaError_t launch_matmul(cudaStream_t stream, const MatmulArgs& args);
[[nodiscard]] cudaError_t launch_tensor_matmul(cudaStream_t stream, const MatmulArgs& args);
// What launch_tensor_matmul() does where tiles have more than kTensorRowsFew rows, or where no
// table says so and there are rows and columns enough for such tiles.
[[nodiscard]] cudaError_t launch_tensor_matmul_wide(cudaStream_t stream, const MatmulArgs& args);
// What that does for kFourWarps where rows are whole blocks of 64 numbers at aligned addresses.
// tile_rows: kTensorRowsSome or kTensorRowsMany, as the tiles of a table, if there is one, have.
[[nodiscard]] cudaError_t launch_tensor_matmul_group(cudaStream_t stream, const MatmulArgs& args,
                                                     std::size_t tile_rows);

// --- swiglu.cu ---
struct SwigluArgs {
  const float* gate_up = nullptr;  // [rows, 2 cols]: gate 0, up 0, gate 1, ...; 8-byte aligned rows
  std::size_t gate_up_stride = 0;  // elements
  RowBlock to;                     // [rows, cols]
  std::size_t rows = 0;
  std::size_t cols = 0;
};
[[nodiscard]] cudaError_t launch_swiglu(cudaStream_t stream, const SwigluArgs& args);

// --- attention_prepare.cu, attention.cu ---
// Where the keys of (layer, page, kv head) begin; values follow after `half_bytes`.
struct KvBlocks {
  std::byte* base = nullptr;  // of the layer
  std::size_t page_bytes = 0;
  std::size_t head_bytes = 0;
  std::size_t half_bytes = 0;
  std::size_t row_bytes = 0;  // of one position
  DType dtype = DType::kBf16;
};
enum class HeadNorm : std::uint8_t { kNone, kPerHead, kWholeRow };
struct PrepareArgs {
  float* q = nullptr;
  float* k = nullptr;
  float* v = nullptr;
  std::size_t q_stride = 0;
  std::size_t k_stride = 0;
  std::size_t v_stride = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_size = 0;
  HeadNorm norm = HeadNorm::kNone;
  const float* q_gain = nullptr;
  const float* k_gain = nullptr;
  float q_eps = 0;
  float k_eps = 0;
  float clip = 0;
  const float* cosines = nullptr;  // [positions, h/2]
  const float* sines = nullptr;
  const std::uint32_t* position = nullptr;  // [rows]
  const std::uint32_t* page = nullptr;      // [rows] that holds the position
  std::size_t rows = 0;
  KvBlocks cache;
};
[[nodiscard]] cudaError_t launch_prepare(cudaStream_t stream, const PrepareArgs& args);

// Query rows first_row .. first_row + rows - 1 of a run of tokens of one sequence: row i is head
// i % group of token first_token + i / group. An item covers the segments of a whole context, which
// its block of threads folds; or some of them, which leave their parts of the i-th row in the
// partial rows partial + i, partial + rows + i, ...
inline constexpr std::size_t kAttendRows = 8;  // of an item of attention.cu
inline constexpr std::size_t kTensorAttendFew = 16;
inline constexpr std::size_t kTensorAttendMany = 64;
inline constexpr std::size_t kTensorHeadMax = 128;
inline constexpr std::size_t kSegmentTokens = 256;  // positions
inline constexpr std::uint32_t kWholeContext = 0xFFFFFFFF;
struct AttendItem {
  std::uint32_t first_token = 0;
  std::uint32_t kv_head = 0;
  std::uint32_t first_row = 0;
  std::uint32_t rows = 0;
  std::uint32_t pages_begin = 0;  // of the sequence, in `pages`
  std::uint32_t first_segment = 0;
  std::uint32_t segments = 0;
  std::uint32_t partial = kWholeContext;
};
// What segments leave of query rows: [partial rows, head size] weighted values, and of each row the
// highest score and the sum of the probabilities against it.
struct alignas(8) SegmentSoftmax {
  float highest;
  float total;
};
struct AttendPartials {
  float* values = nullptr;
  SegmentSoftmax* softmax = nullptr;
};
struct AttendArgs {
  const float* q = nullptr;  // prepared
  std::size_t q_stride = 0;
  RowBlock out;
  std::size_t group = 0;  // query heads of a kv head
  std::size_t head_size = 0;
  float scale = 0;                          // of a score, with log2(e) for the tensor kernels
  const std::uint32_t* position = nullptr;  // [tokens]
  const std::uint32_t* pages = nullptr;
  const AttendItem* items = nullptr;
  std::size_t item_count = 0;
  KvBlocks cache;
  AttendPartials partials;
};
[[nodiscard]] cudaError_t launch_attend(cudaStream_t stream, const AttendArgs& args);
// Items of one segment.
[[nodiscard]] cudaError_t launch_attend_segments(cudaStream_t stream, const AttendArgs& args);

// --- tensor_attention_few.cu, tensor_attention_many.cu: bf16, heads of up to kTensorHeadMax ---
[[nodiscard]] cudaError_t launch_tensor_attend_few(cudaStream_t stream, const AttendArgs& args);
[[nodiscard]] cudaError_t launch_tensor_attend_many(cudaStream_t stream, const AttendArgs& args);
[[nodiscard]] cudaError_t launch_tensor_attend_many_segments(cudaStream_t stream,
                                                             const AttendArgs& args);

// --- attention_fold.cu ---
// Of the scores in partial rows.
enum class ScoreBase : std::uint8_t { kE, kTwo };
// A query row whose segments lie in the partial rows first, first + step, ...
struct FoldItem {
  std::uint32_t token = 0;
  std::uint32_t head = 0;
  std::uint32_t first = 0;
  std::uint32_t step = 0;
  std::uint32_t segments = 0;
};
struct FoldArgs {
  AttendPartials partials;
  RowBlock out;
  std::size_t head_size = 0;
  ScoreBase base = ScoreBase::kE;
  const FoldItem* items = nullptr;
  std::size_t item_count = 0;
};
[[nodiscard]] cudaError_t launch_fold(cudaStream_t stream, const FoldArgs& args);

// --- pack.cu ---
// Rows of a checkpoint's matrix into the operand type: row r goes to row r * to_step + to_offset.
// *bad becomes the lowest (first_row + row) * cols + col whose converted value is not finite.
struct PackArgs {
  const std::byte* from = nullptr;
  DType from_dtype = DType::kBf16;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t first_row = 0;
  RowBlock to;
  std::size_t to_step = 1;
  std::size_t to_offset = 0;
  unsigned long long* bad = nullptr;
};
[[nodiscard]] cudaError_t launch_pack(cudaStream_t stream, const PackArgs& args);

// --- ceilings.cu ---
enum class Ceiling : std::uint8_t { kRead, kFp32, kTensor };
struct CeilingArgs {
  const std::byte* memory = nullptr;  // kRead
  std::size_t bytes = 0;              // kRead
  std::size_t steps = 0;              // of a thread (kFp32) or a warp (kTensor), a multiple of 8
  unsigned int blocks = 0;
  float* sink = nullptr;  // [1]
};
[[nodiscard]] cudaError_t launch_ceiling(cudaStream_t stream, Ceiling which,
                                         const CeilingArgs& args);
[[nodiscard]] double ceiling_flops(Ceiling which, const CeilingArgs& args);

}  // namespace switchyard::kernels::cuda
