// The matrix products of CudaDevice: projections, gate, dense and expert FFNs.
#include <algorithm>

#include "kernels/cuda/cuda_device.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cuda {
namespace {

constexpr std::size_t kChunkBytes = 16;
// Of an expert on the average: with fewer its matrix is what is waited for, for which many warps
// are better than few quick ones.
constexpr std::size_t kFourWarpsRowsMin = 33;

ConstRowBlock constant(RowBlock block) { return {block.data, block.dtype, block.stride_bytes}; }

RowBlock rows_from(RowBlock block, std::size_t row) {
  return {block.data + row * block.stride_bytes, block.dtype, block.stride_bytes};
}

// Rows of a tile where no group has more than `rows_max`, and so many on the average. A large group
// in small tiles reads its matrix again, from the caches; a small one in large tiles leaves most of
// them empty.
std::size_t tile_rows(DType operand, std::size_t rows_max, std::size_t rows_mean) {
  if (operand == DType::kF32) return kMatmulRows;
  if (rows_max <= kTensorRowsFew) return kTensorRowsFew;
  return rows_mean <= kTensorRowsSome ? kTensorRowsSome : kTensorRowsMany;
}

std::size_t tiles_of(const ExpertGroup& group, std::size_t rows) {
  return (group.pair_count + rows - 1) / rows;
}

cudaError_t launch(cudaStream_t stream, const MatmulArgs& args) {
  return args.x.dtype == DType::kBf16 ? launch_tensor_matmul(stream, args)
                                      : launch_matmul(stream, args);
}

const CudaPackedExpert& expert_of(const ExpertGroup& group) {
  return dynamic_cast<const CudaPackedExpert&>(*group.expert);
}

// Balanced tiles: 9 rows are 5 and 4, not 8 and 1.
void write_tiles(const ExpertGroup& group, std::size_t rows, const DeviceMatrix& matrix,
                 MatmulTile*& to) {
  const std::size_t tiles = tiles_of(group, rows);
  for (std::size_t t = 0; t < tiles; ++t) {
    const std::size_t begin = group.pair_count * t / tiles;
    const std::size_t end = group.pair_count * (t + 1) / tiles;
    *to++ = {matrix.memory.data(), static_cast<std::uint32_t>(group.pair_begin + begin),
             static_cast<std::uint32_t>(end - begin)};
  }
}

}  // namespace

MatmulTeam matmul_team(int major) noexcept {
  constexpr bool kBuilt = SWITCHYARD_CUDA_WARPGROUPS != 0;  // set by the build
  return kBuilt && major == 9 ? MatmulTeam::kFourWarps : MatmulTeam::kOneWarp;
}

void CudaDevice::multiply(const DeviceMatrix& matrix, ConstRowBlock x, std::size_t rows, RowBlock y,
                          MatmulStore store) {
  MatmulArgs args;
  args.x = x;
  args.in = matrix.in;
  args.out = matrix.out;
  args.weight_stride_bytes = matrix.stride_bytes;
  args.weight = matrix.memory.data();
  args.rows = rows;
  args.store = store;
  args.team = team_;
  args.y = y;
  (void)fine(launch(stream_.get(), args), "matmul");
}

RowBlock CudaDevice::scratch(DeviceMemory& memory, std::size_t rows, std::size_t cols,
                             DType dtype) {
  const std::size_t row_bytes = cols * size_bytes(dtype);
  const std::size_t stride = (row_bytes + kChunkBytes - 1) / kChunkBytes * kChunkBytes;
  SY_CHECK(rows * stride <= memory.bytes(), "{} rows of {} bytes in scratch of {}: reserve() more",
           rows, stride, memory.bytes());
  return {memory.data(), dtype, stride};
}

void CudaDevice::gemm(Rows x, const PackedMatrix& weight, MatrixView<float> y, Store store) {
  const auto& matrix = dynamic_cast<const CudaPackedMatrix&>(weight).matrix;
  SY_CHECK(
      x.cols == matrix.in && y.cols() == matrix.out && x.rows == y.rows() && x.dtype == operand(),
      "x [{}, {}] W [{}, {}] y [{}, {}]", x.rows, x.cols, matrix.out, matrix.in, y.rows(),
      y.cols());
  if (failure_) return;
  const ConstRowBlock from{x.data, x.dtype, x.stride * size_bytes(x.dtype)};
  const RowBlock to{reinterpret_cast<std::byte*>(y.data()), DType::kF32,
                    y.stride() * sizeof(float)};
  if (by_library(x.rows, to.dtype)) {
    library_multiply(matrix, from, x.rows, to,
                     store == Store::kAdd ? LibraryStore::kAdd : LibraryStore::kSet);
  } else {
    multiply(matrix, from, x.rows, to,
             store == Store::kAdd ? MatmulStore::kAddF32 : MatmulStore::kSet);
  }
}

void CudaDevice::gate(MatrixView<const float> x, const PackedMatrix& gate,
                      MatrixView<float> logits) {
  const auto& matrix = dynamic_cast<const CudaPackedMatrix&>(gate).matrix;
  SY_CHECK(x.cols() == matrix.in && logits.cols() == matrix.out && x.rows() == logits.rows(),
           "x [{}, {}] G [{}, {}] logits [{}, {}]", x.rows(), x.cols(), matrix.out, matrix.in,
           logits.rows(), logits.cols());
  if (failure_) return;
  multiply(
      matrix,
      {reinterpret_cast<const std::byte*>(x.data()), DType::kF32, x.stride() * sizeof(float)},
      x.rows(),
      {reinterpret_cast<std::byte*>(logits.data()), DType::kF32, logits.stride() * sizeof(float)},
      MatmulStore::kSet);
}

void CudaDevice::dense_ffn(Rows x, const PackedExpert& ffn, MatrixView<float> y) {
  const auto& expert = dynamic_cast<const CudaPackedExpert&>(ffn);
  SY_CHECK(x.rows == y.rows() && x.cols == expert.hidden() && y.cols() == expert.hidden() &&
               x.dtype == operand(),
           "x [{}, {}] d {} y [{}, {}]", x.rows, x.cols, expert.hidden(), y.rows(), y.cols());
  if (failure_) return;
  const RowBlock inner = scratch(inner_, x.rows, expert.inner(), operand());
  const ConstRowBlock from{x.data, x.dtype, x.stride * size_bytes(x.dtype)};
  const RowBlock to{reinterpret_cast<std::byte*>(y.data()), DType::kF32,
                    y.stride() * sizeof(float)};
  if (by_library(x.rows, to.dtype)) {
    library_ffn(expert, from, inner, x.rows, to, LibraryStore::kAdd);
    return;
  }
  multiply(expert.gate_up, from, x.rows, inner, MatmulStore::kSwiglu);
  multiply(expert.down, constant(inner), x.rows, to, MatmulStore::kAddF32);
}

// The groups of so many rows that the library has them; x and y as for run_experts().
void CudaDevice::run_experts_by_library(const ExpertRun& run, RowBlock x, RowBlock y) {
  const auto& last = run.groups.back();
  const RowBlock inner = scratch(inner_, last.pair_begin + last.pair_count, run.inner, operand());
  for (const auto& group : run.groups) {
    if (!by_library(group.pair_count, y.dtype)) continue;
    library_ffn(expert_of(group), constant(rows_from(x, group.pair_begin)),
                rows_from(inner, group.pair_begin), group.pair_count,
                rows_from(y, group.pair_begin), LibraryStore::kSet);
  }
}

// The other groups. The rows of x and y are in the order of the groups' pairs.
void CudaDevice::run_experts(const ExpertRun& run, RowBlock x, RowBlock y) {
  const auto& first = expert_of(run.groups.front());
  if (!fine(tables_.begin(stream_, 2 * run.tile_count * sizeof(MatmulTile), 2))) return;
  MatmulTile* const up = tables_.make<MatmulTile>(run.tile_count);
  MatmulTile* const down = tables_.make<MatmulTile>(run.tile_count);
  MatmulTile* up_end = up;
  MatmulTile* down_end = down;
  for (const auto& group : run.groups) {
    if (by_library(group.pair_count, y.dtype)) continue;
    write_tiles(group, run.tile_rows, expert_of(group).gate_up, up_end);
    write_tiles(group, run.tile_rows, expert_of(group).down, down_end);
  }
  if (!fine(tables_.flush(stream_))) return;
  const auto& last = run.groups.back();
  const RowBlock inner = scratch(inner_, last.pair_begin + last.pair_count, run.inner, operand());
  MatmulArgs args;
  args.x = constant(x);
  args.in = first.gate_up.in;
  args.out = first.gate_up.out;
  args.weight_stride_bytes = first.gate_up.stride_bytes;
  args.tiles = tables_.on_device(up);
  args.tile_count = run.tile_count;
  args.tile_rows_max = run.tile_rows;
  args.store = MatmulStore::kSwiglu;
  args.team = run.team;
  args.y = inner;
  if (!fine(launch(stream_.get(), args), "experts: gate and up")) return;
  args.x = constant(inner);
  args.in = first.down.in;
  args.out = first.down.out;
  args.weight_stride_bytes = first.down.stride_bytes;
  args.tiles = tables_.on_device(down);
  args.store = MatmulStore::kSet;
  args.y = y;
  (void)fine(launch(stream_.get(), args), "experts: down");
}

// Permute, two products per expert, unpermute: rows travel over the bus (x and y may be wire
// memory) once each, in 16-byte pieces.
void CudaDevice::expert_ffn(Rows x, std::span<const std::uint32_t> pair_row,
                            std::span<const std::uint32_t> pair_out,
                            std::span<const ExpertGroup> groups, MutableRows y) {
  SY_CHECK(pair_row.size() == pair_out.size() && x.dtype == operand() && y.dtype != DType::kF16,
           "{} and {} pairs, x {}, y {}", pair_row.size(), pair_out.size(), to_string(x.dtype),
           to_string(y.dtype));
  if (failure_ || pair_row.empty() || groups.empty()) return;
  const std::size_t pairs = pair_row.size();
  for (std::size_t p = 0; p < pairs; ++p) {
    SY_CHECK(pair_row[p] < x.rows && pair_out[p] < y.rows, "pair {}: row {} of {} to {} of {}", p,
             pair_row[p], x.rows, pair_out[p], y.rows);
  }
  if (!fine(tables_.begin(stream_, 2 * pair_row.size_bytes(), 2))) return;
  const std::uint32_t* from_row = tables_.add(pair_row);
  const std::uint32_t* to_row = tables_.add(pair_out);
  if (!fine(tables_.flush(stream_))) return;
  const RowBlock permuted = scratch(permuted_, pairs, x.cols, x.dtype);
  const RowBlock results = scratch(results_, pairs, y.cols, y.dtype);
  const GatherArgs permute{{x.data, x.dtype, x.stride * size_bytes(x.dtype)},
                           from_row,
                           permuted,
                           nullptr,
                           pairs,
                           x.row_bytes()};
  if (!fine(launch_gather(stream_.get(), permute), "experts: permute")) return;
  for (std::size_t begin = 0, end = 0; begin < groups.size(); begin = end) {
    ExpertRun run;
    std::size_t rows_max = 0;
    std::size_t rows = 0;
    std::size_t count = 0;
    run.inner = groups[begin].expert->inner();
    for (; end < groups.size() && groups[end].expert->inner() == run.inner; ++end) {
      const auto& group = groups[end];
      SY_CHECK(group.expert->hidden() == x.cols && group.expert->hidden() == y.cols &&
                   group.pair_begin + group.pair_count <= pairs,
               "expert d {}, x {}, y {}, pairs {}+{} of {}", group.expert->hidden(), x.cols, y.cols,
               group.pair_begin, group.pair_count, pairs);
      if (!by_library(group.pair_count, y.dtype)) {
        rows_max = std::max<std::size_t>(rows_max, group.pair_count);
        rows += group.pair_count;
        ++count;
      }
    }
    run.groups = groups.subspan(begin, end - begin);
    const std::size_t rows_mean = rows / std::max<std::size_t>(count, 1);
    run.tile_rows = tile_rows(x.dtype, rows_max, rows_mean);
    run.team = rows_mean < kFourWarpsRowsMin ? MatmulTeam::kOneWarp : team_;
    for (const auto& group : run.groups) {
      if (!by_library(group.pair_count, y.dtype)) run.tile_count += tiles_of(group, run.tile_rows);
    }
    if (run.tile_count != 0) run_experts(run, permuted, results);
    if (library_ != nullptr) run_experts_by_library(run, permuted, results);
  }
  const GatherArgs unpermute{
      constant(results), nullptr, {y.data, y.dtype, y.stride * size_bytes(y.dtype)}, to_row, pairs,
      y.row_bytes()};
  if (!failure_) (void)fine(launch_gather(stream_.get(), unpermute), "experts: unpermute");
}

}  // namespace switchyard::kernels::cuda
