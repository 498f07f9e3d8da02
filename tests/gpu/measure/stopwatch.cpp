#include "tests/gpu/measure/stopwatch.h"

#include "runtime/base/random.h"

namespace switchyard::gpu_measure {

std::vector<float> random_values(std::size_t count) {
  Random random(1);
  std::vector<float> all(count);
  for (auto& value : all) value = static_cast<float>(random.next_unit() - 0.5);
  return all;
}

kernels::WeightView weight_view(const std::vector<float>& from, std::size_t out, std::size_t in) {
  return {reinterpret_cast<const std::byte*>(from.data()), DType::kF32, out, in};
}

Result<kernels::DeviceMemory> random_bf16(kernels::Device& device, std::size_t count) {
  const auto from = random_values(count);
  std::vector<Bf16> rounded(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) rounded[i] = to_bf16(from[i]);
  SY_ASSIGN(auto memory, device.allocate(rounded.size() * sizeof(Bf16)));
  SY_TRY(device.upload(std::as_bytes(std::span(rounded)), memory.data()));
  return memory;
}

Result<kernels::DeviceMemory> random_f32(kernels::Device& device, std::size_t count) {
  const auto from = random_values(count);
  SY_ASSIGN(auto memory, device.allocate(from.size() * sizeof(float)));
  SY_TRY(device.upload(std::as_bytes(std::span(from)), memory.data()));
  return memory;
}

void Stopwatch::add(const std::string& name, double us, double bytes, double flops, Units units) {
  const double gbs = bytes / us / 1e3;
  const double tflops = flops / us / 1e6;
  nlohmann::json row = {{"name", name},
                        {"us_p50", us},
                        {"bytes", bytes},
                        {"flops", flops},
                        {"gbs", gbs},
                        {"tflops", tflops},
                        {"share_of_read", gbs / ceilings_.read_gbs}};
  if (units == Units::kTensorCores) {
    row["share_of_tensor"] = 1e3 * tflops / ceilings_.bf16_gflops;
  } else {
    row["share_of_fp32"] = 1e3 * tflops / ceilings_.fp32_gflops;
  }
  rows_.push_back(std::move(row));
}

nlohmann::json Stopwatch::document() const {
  return {{"device", device_.description()},
          {"read_gbs", ceilings_.read_gbs},
          {"tensor_tflops", ceilings_.bf16_gflops / 1e3},
          {"fp32_tflops", ceilings_.fp32_gflops / 1e3},
          {"kernels", rows_}};
}

}  // namespace switchyard::gpu_measure
