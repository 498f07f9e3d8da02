// The emulated cuBLAS against plain loops in double.
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cuda_emulation/device_array.h"

namespace cuda_emulation {
namespace {

class CublasTest : public EmulationTest {
 protected:
  void SetUp() override {
    EmulationTest::SetUp();
    ASSERT_EQ(cublasCreate(&handle_), CUBLAS_STATUS_SUCCESS);
  }
  void TearDown() override {
    cublasDestroy(handle_);
    EmulationTest::TearDown();
  }
  cublasHandle_t handle_ = nullptr;
};

template <typename T>
std::vector<T> values(std::size_t count, int step) {
  std::vector<T> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    made[i] = T(static_cast<float>(static_cast<int>(i) * step % 17 - 8) / 4.0F);
  }
  return made;
}

// Column-major element of a matrix that may be transposed.
template <typename T>
double at(const std::vector<T>& matrix, int leading, bool transposed, int row, int column) {
  if (transposed) std::swap(row, column);
  return static_cast<double>(
      static_cast<float>(matrix[static_cast<std::size_t>(column * leading + row)]));
}

TEST_F(CublasTest, EveryTransposition) {
  constexpr int m = 5;
  constexpr int n = 7;
  constexpr int k = 6;
  constexpr int leading = 9;
  const float alpha = 0.5F;
  const float beta = -1.0F;
  const auto a = values<__nv_bfloat16>(leading * leading, 3);
  const auto b = values<__nv_bfloat16>(leading * leading, 5);
  const auto c = values<float>(leading * n, 7);
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      const DeviceArray<__nv_bfloat16> da(a);
      const DeviceArray<__nv_bfloat16> db(b);
      const DeviceArray<float> dc(c);
      ASSERT_EQ(cublasGemmEx(
                    handle_, ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb ? CUBLAS_OP_T : CUBLAS_OP_N, m, n,
                    k, &alpha, da.data(), CUDA_R_16BF, leading, db.data(), CUDA_R_16BF, leading,
                    &beta, dc.data(), CUDA_R_32F, leading, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                CUBLAS_STATUS_SUCCESS);
      const auto got = dc.read();
      for (int column = 0; column < n; ++column) {
        for (int row = 0; row < leading; ++row) {
          double want = at(c, leading, false, row, column);
          if (row < m) {
            double sum = 0;
            for (int i = 0; i < k; ++i) {
              sum += at(a, leading, ta, row, i) * at(b, leading, tb, i, column);
            }
            want = alpha * sum + beta * want;
          }
          ASSERT_NEAR(at(got, leading, false, row, column), want, 1e-5) << row << " " << column;
        }
      }
    }
  }
}

TEST_F(CublasTest, GroupsOfDifferentShapes) {
  const std::vector<int> m{3, 4};
  const std::vector<int> n{2, 5};
  const std::vector<int> k{6, 1};
  const std::vector<int> size{2, 1};
  const std::vector<float> alpha{1, 2};
  const std::vector<float> beta{0, 0};
  const std::vector<cublasOperation_t> op{CUBLAS_OP_N, CUBLAS_OP_N};
  const auto a = values<__half>(64, 3);
  const auto b = values<__half>(64, 5);
  const DeviceArray<__half> da(a);
  const DeviceArray<__half> db(b);
  const DeviceArray<float> dc(std::vector<float>(64, NAN));
  const DeviceArray<const void*> pa({da.data(), da.data() + 1, da.data() + 2});
  const DeviceArray<const void*> pb({db.data(), db.data() + 1, db.data() + 2});
  const DeviceArray<void*> pc({dc.data(), dc.data() + 20, dc.data() + 40});
  ASSERT_EQ(cublasGemmGroupedBatchedEx(handle_, op.data(), op.data(), m.data(), n.data(), k.data(),
                                       alpha.data(), pa.data(), CUDA_R_16F, m.data(), pb.data(),
                                       CUDA_R_16F, k.data(), beta.data(), pc.data(), CUDA_R_32F,
                                       m.data(), 2, size.data(), CUBLAS_COMPUTE_32F),
            CUBLAS_STATUS_SUCCESS);
  const auto got = dc.read();
  for (int member = 0; member < 3; ++member) {
    const auto g = static_cast<std::size_t>(member == 2 ? 1 : 0);
    for (int column = 0; column < n[g]; ++column) {
      for (int row = 0; row < m[g]; ++row) {
        double sum = 0;
        for (int i = 0; i < k[g]; ++i) {
          sum +=
              static_cast<double>(float{a[static_cast<std::size_t>(i * m[g] + row + member)]}) *
              static_cast<double>(float{b[static_cast<std::size_t>(column * k[g] + i + member)]});
        }
        ASSERT_NEAR(got[static_cast<std::size_t>(20 * member + column * m[g] + row)],
                    static_cast<double>(alpha[g]) * sum, 1e-5);
      }
    }
  }
}

TEST_F(CublasTest, ShapesAndOperandsAreChecked) {
  const float one = 1;
  const DeviceArray<float> small(15);
  EXPECT_EQ(cublasGemmEx(handle_, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one, small.data(), CUDA_R_32F,
                         3, small.data(), CUDA_R_32F, 4, &one, small.data(), CUDA_R_32F, 4,
                         CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasGemmEx(handle_, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one, small.data(), CUDA_R_32F,
                         4, small.data(), CUDA_R_32F, 4, &one, small.data(), CUDA_R_32F, 4,
                         CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_THAT(last_fault(), ::testing::HasSubstr("cuBLAS: A: byte 0 of allocation"));
}

}  // namespace
}  // namespace cuda_emulation
