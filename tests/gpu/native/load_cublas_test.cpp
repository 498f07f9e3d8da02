// cuBLAS is loaded when it is asked for, which needs the toolkit's library and no GPU.
#include <gtest/gtest.h>

#include <filesystem>

#include "kernels/cuda/library_gemm.h"
#include "kernels/cuda_cublas/cublas_functions.h"

namespace switchyard::kernels::test {
namespace {

bool toolkit_has_it() {
  std::error_code none;
  for (const auto& file :
       std::filesystem::directory_iterator(SWITCHYARD_CUDA_LIBRARY_FOLDER, none)) {
    if (file.path().filename().string().starts_with("libcublas.so.")) return true;
  }
  return false;
}

TEST(LoadCublas, EveryFunctionIsFoundWithoutAGpu) {
  const auto cublas = cuda::load_cublas();
  if (!cublas && !toolkit_has_it()) GTEST_SKIP() << cublas.error().message;
  ASSERT_TRUE(cublas.has_value()) << cublas.error().message;
  EXPECT_NE(cublas->create, nullptr);
  EXPECT_NE(cublas->destroy, nullptr);
  EXPECT_NE(cublas->set_stream, nullptr);
  EXPECT_NE(cublas->set_workspace, nullptr);
  EXPECT_NE(cublas->set_math_mode, nullptr);
  EXPECT_NE(cublas->gemm, nullptr);
  ASSERT_NE(cublas->status_text, nullptr);
  EXPECT_STRNE(cublas->status_text(CUBLAS_STATUS_ALLOC_FAILED),
               cublas->status_text(CUBLAS_STATUS_SUCCESS));
  EXPECT_EQ(cuda::library_gemm_missing(), "");
}

}  // namespace
}  // namespace switchyard::kernels::test
