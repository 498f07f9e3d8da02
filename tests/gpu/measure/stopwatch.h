// tests/gpu/measure/stopwatch.h -- times what is queued on a device and keeps one row for each
// measurement, with its share of what the same device can do at most.
// Thread safety: shared objects: unsafe.
#pragma once

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/ceilings.h"
#include "kernels/device.h"
#include "tests/gpu/measure/sizes.h"

namespace switchyard::gpu_measure {

// Random values: a GPU does zeros faster.
[[nodiscard]] std::vector<float> random_values(std::size_t count);
[[nodiscard]] kernels::WeightView weight_view(const std::vector<float>& from, std::size_t out,
                                              std::size_t in);
// So many of them in device memory. Errors: the device's.
[[nodiscard]] Result<kernels::DeviceMemory> random_bf16(kernels::Device& device, std::size_t count);
[[nodiscard]] Result<kernels::DeviceMemory> random_f32(kernels::Device& device, std::size_t count);

// Which units do the flops.
enum class Units : std::uint8_t { kTensorCores, kFp32Pipes };

class Stopwatch {
 public:
  // The device outlives it.
  Stopwatch(const Sizes& sizes, const kernels::Ceilings& ceilings, kernels::Device& device)
      : repeats_(sizes.repeats), calls_(sizes.calls), ceilings_(ceilings), device_(device) {}

  // Median microseconds of one call, with what it costs to queue it.
  template <class Queue>
  [[nodiscard]] Result<double> median_us(const Queue& queue) {
    std::vector<double> times;
    for (int i = 0; i < repeats_ + 2; ++i) {
      const auto start = std::chrono::steady_clock::now();
      for (int call = 0; call < calls_; ++call) queue();
      SY_TRY(device_.synchronize());
      const std::chrono::duration<double, std::micro> spent =
          std::chrono::steady_clock::now() - start;
      if (i >= 2) times.push_back(spent.count() / calls_);
    }
    std::ranges::sort(times);
    return times[times.size() / 2];
  }

  // Bytes that it must move and flops that it must do, of one call.
  void add(const std::string& name, double us, double bytes, double flops,
           Units units = Units::kTensorCores);
  [[nodiscard]] nlohmann::json document() const;

 private:
  int repeats_;
  int calls_;
  kernels::Ceilings ceilings_;
  kernels::Device& device_;
  nlohmann::json rows_ = nlohmann::json::array();
};

}  // namespace switchyard::gpu_measure
