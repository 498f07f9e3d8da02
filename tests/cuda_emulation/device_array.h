// tests/cuda_emulation/device_array.h -- a device array for tests: made from host values, read
// back.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/cuda_emulation/control.h"

namespace cuda_emulation {

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count) : count_(count) {
    EXPECT_EQ(cudaMalloc(&data_, count * sizeof(T)), cudaSuccess);
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
              cudaSuccess);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { static_cast<void>(cudaFree(data_)); }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::vector<T> read() const {
    std::vector<T> values(count_);
    EXPECT_EQ(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
              cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

// Every test starts with a fresh device.
class EmulationTest : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override { start({}); }

  static void start(const Schedule& schedule, int devices = 1) {
    reset();
    set_device_count(devices);
    EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
    set_schedule(schedule);
  }

  template <typename... Parameters, typename... Arguments>
  static cudaError_t launch(dim3 grid, dim3 block, std::size_t dynamic_bytes,
                            void (*kernel)(Parameters...), Arguments... arguments) {
    cudaLaunchConfig_t config;
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = dynamic_bytes;
    return cudaLaunchKernelEx(&config, kernel, arguments...);
  }
};

// The schedules that every right kernel must survive.
inline std::vector<Schedule> schedules() {
  return {{Order::kAscending, Progress::kLate, 1},
          {Order::kDescending, Progress::kEarly, 1},
          {Order::kRandom, Progress::kRandom, 1},
          {Order::kRandom, Progress::kRandom, 2},
          {Order::kRandom, Progress::kLate, 3}};
}

}  // namespace cuda_emulation
