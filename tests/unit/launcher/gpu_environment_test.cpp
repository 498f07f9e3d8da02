#include "launcher/gpu_environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace switchyard::launcher {
namespace {

TEST(GpuEnvironment, SetsWhatNobodyHasSet) {
  ::unsetenv("CUDA_MODULE_LOADING");
  ::setenv("CUDA_DEVICE_MAX_CONNECTIONS", "4", 1);
  prepare_gpu_environment();
  EXPECT_STREQ(std::getenv("CUDA_MODULE_LOADING"), "EAGER");
  EXPECT_STREQ(std::getenv("CUDA_DEVICE_MAX_CONNECTIONS"), "4");
  ::unsetenv("CUDA_DEVICE_MAX_CONNECTIONS");
  prepare_gpu_environment();
  EXPECT_STREQ(std::getenv("CUDA_DEVICE_MAX_CONNECTIONS"), "32");
}

}  // namespace
}  // namespace switchyard::launcher
