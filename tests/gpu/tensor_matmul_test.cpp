// The bf16 products against each other: what comes out of large tiles, whose blocks of k pass
// through all stages of shared memory several times, is bit for bit what tiles of 16 rows give,
// whoever multiplies.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cuda/cuda_memory.h"
#include "kernels/cuda/kernels.h"
#include "runtime/base/random.h"

namespace switchyard::kernels::cuda {
namespace {

struct Product {
  std::size_t rows;
  std::size_t in;
  std::size_t out;
  MatmulStore store;
  DType result;
  int powers = 0;  // of two that factors are apart, at most
};

class TensorMatmul : public ::testing::TestWithParam<Product> {
 protected:
  static constexpr std::size_t kWeightRowBytes = 64;  // a multiple of it, zeros behind the row

  void SetUp() override {
    int gpus = 0;
    if (cudaGetDeviceCount(&gpus) != cudaSuccess || gpus == 0) {
      (void)cudaGetLastError();
      GTEST_SKIP() << "no GPU here";
    }
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    const auto& p = GetParam();
    int major = 0;
    ASSERT_EQ(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), cudaSuccess);
    teams_ = {MatmulTeam::kOneWarp};
    if (matmul_team(major) != MatmulTeam::kOneWarp) teams_.push_back(matmul_team(major));
    x_ = upload(random_rows(p.rows, p.in, p.in * sizeof(Bf16), 1));
    const std::size_t stride =
        (p.in * sizeof(Bf16) + kWeightRowBytes - 1) / kWeightRowBytes * kWeightRowBytes;
    weight_stride_bytes_ = stride;
    weight_ = upload(random_rows(p.out, p.in, stride, 2));
  }

  static std::vector<std::byte> random_rows(std::size_t rows, std::size_t cols,
                                            std::size_t stride_bytes, std::uint64_t seed) {
    Random random(seed);
    std::vector<std::byte> all(rows * stride_bytes);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        const auto unit = static_cast<float>(random.next_unit() - 0.5);
        const int power = static_cast<int>(random.next_unit() * GetParam().powers);
        const Bf16 value = to_bf16(std::ldexp(unit, power - GetParam().powers / 2));
        std::memcpy(all.data() + r * stride_bytes + c * sizeof value, &value, sizeof value);
      }
    }
    return all;
  }
  static DeviceMemory upload(const std::vector<std::byte>& from) {
    auto memory = allocate_device(from.size()).value();
    EXPECT_EQ(cudaMemcpy(memory.data(), from.data(), from.size(), cudaMemcpyHostToDevice),
              cudaSuccess);
    return memory;
  }

  // All rows in tiles of `tile_rows`, into results that begin as ones.
  std::vector<std::byte> multiply(std::size_t tile_rows, MatmulTeam team) const {
    const auto& p = GetParam();
    const std::size_t columns = p.store == MatmulStore::kSwiglu ? p.out / 2 : p.out;
    const std::size_t row_bytes = columns * size_bytes(p.result);
    std::vector<std::byte> result(p.rows * row_bytes, std::byte{1});
    auto y = upload(result);
    std::vector<MatmulTile> tiles;
    for (std::size_t begin = 0; begin < p.rows; begin += tile_rows) {
      tiles.push_back({weight_.data(), static_cast<std::uint32_t>(begin),
                       static_cast<std::uint32_t>(std::min(tile_rows, p.rows - begin))});
    }
    std::vector<std::byte> table(tiles.size() * sizeof(MatmulTile));
    std::memcpy(table.data(), tiles.data(), table.size());
    const auto on_device = upload(table);
    MatmulArgs args;
    args.x = {x_.data(), DType::kBf16, p.in * sizeof(Bf16)};
    args.in = p.in;
    args.out = p.out;
    args.weight_stride_bytes = weight_stride_bytes_;
    args.tiles = reinterpret_cast<const MatmulTile*>(on_device.data());
    args.tile_count = tiles.size();
    args.tile_rows_max = tile_rows;
    args.store = p.store;
    args.team = team;
    args.y = {y.data(), p.result, row_bytes};
    const auto stream = Stream::create().value();
    EXPECT_EQ(launch_tensor_matmul(stream.get(), args), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(result.data(), y.data(), result.size(), cudaMemcpyDeviceToHost),
              cudaSuccess);
    return result;
  }

  std::vector<MatmulTeam> teams_;
  DeviceMemory x_;
  DeviceMemory weight_;
  std::size_t weight_stride_bytes_ = 0;
};

TEST_P(TensorMatmul, RowsHaveTheSameBitsInTilesOfEverySize) {
  const auto few = multiply(kTensorRowsFew, MatmulTeam::kOneWarp);
  for (const MatmulTeam team : teams_) {
    EXPECT_EQ(multiply(kTensorRowsSome, team), few);
    EXPECT_EQ(multiply(kTensorRowsMany, team), few);
  }
  const std::vector<std::byte> ones(few.size(), std::byte{1});
  EXPECT_NE(few, ones);
}

// Rows of whole blocks of 64, of whole pieces of 8, and of neither; three columns in a second tile;
// more than one round of every stage: four slices of three blocks, and of six.
INSTANTIATE_TEST_SUITE_P(
    Products, TensorMatmul,
    ::testing::Values(Product{130, 768, 40, MatmulStore::kSet, DType::kF32},
                      Product{70, 584, 131, MatmulStore::kAddF32, DType::kF32},
                      Product{130, 583, 40, MatmulStore::kSwiglu, DType::kBf16},
                      Product{18, 1536, 24, MatmulStore::kSwiglu, DType::kBf16},
                      Product{66, 1536, 129, MatmulStore::kAddF32, DType::kF32, 12},
                      Product{70, 192, 130, MatmulStore::kSet, DType::kBf16, 60}),
    [](const auto& product) {
      return std::to_string(product.param.rows) + "RowsOf" + std::to_string(product.param.in);
    });

}  // namespace
}  // namespace switchyard::kernels::cuda
