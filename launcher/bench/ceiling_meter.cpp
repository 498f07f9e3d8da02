#include "launcher/bench/ceiling_meter.h"

#include <algorithm>
#include <fstream>

#include "runtime/base/cores.h"

namespace switchyard::launcher {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const auto name = line.find(": ");
    if (name != std::string::npos) return line.substr(name + 2);
  }
  return "unknown";
}

}  // namespace

CeilingMeter::CeilingMeter(const engine::ClusterOptions& options)
    : device_name_(options.device_name),
      device_(options.device),
      threads_(options.device.threads == 0 ? usable_cores() : options.device.threads) {}

Result<kernels::Ceilings> CeilingMeter::measure_for(double seconds) const {
  kernels::CeilingOptions options;
  options.threads = threads_;
  options.seconds = seconds;
  return kernels::measure_device_ceilings(device_name_, device_, options);
}

Result<kernels::Ceilings> CeilingMeter::measure() const { return measure_for(0.3); }

Result<kernels::Ceilings> CeilingMeter::measure_again() const { return measure_for(0.1); }

Result<nlohmann::json> CeilingMeter::facts(const kernels::Ceilings& ceilings) const {
  nlohmann::json facts = {{"version", SWITCHYARD_VERSION},
                          {"processor", processor_name()},
                          {"threads", threads_},
                          {"precision", to_string(kernels::operand_dtype(device_.precision))},
                          {"read GB/s", ceilings.read_gbs},
                          {"fp32 GFLOP/s", ceilings.fp32_gflops},
                          {"bf16 GFLOP/s", ceilings.bf16_gflops}};
  if (device_name_ != "cpu") {
    SY_ASSIGN(const auto device, kernels::make_device(device_name_, device_));
    facts["device"] = device->description();
  }
  return facts;
}

kernels::Ceilings best_of(const kernels::Ceilings& a, const kernels::Ceilings& b) {
  kernels::Ceilings best = a;
  best.read_gbs = std::max(a.read_gbs, b.read_gbs);
  best.fp32_gflops = std::max(a.fp32_gflops, b.fp32_gflops);
  best.bf16_gflops = std::max(a.bf16_gflops, b.bf16_gflops);
  return best;
}

}  // namespace switchyard::launcher
