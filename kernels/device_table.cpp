// The one list of devices of this build.
#include "kernels/ceilings.h"
#include "kernels/cpu/cpu_device.h"
#include "kernels/cpu_features.h"
#include "kernels/cuda/cuda_table.h"
#include "kernels/device.h"
#include "kernels/op_list.h"
#include "runtime/base/cores.h"

namespace switchyard::kernels {
namespace {

Result<void> check_name(std::string_view name) {
  if (name == "cpu" || name == "cuda") return {};
  return fail(ErrorCode::kUsage, "device '{}' is unknown; there are: cpu, cuda", name);
}

}  // namespace

Result<std::unique_ptr<Device>> make_device(std::string_view name, const DeviceOptions& options) {
  SY_TRY(check_name(name));
  if (name == "cuda") return cuda::make_cuda_device(options);
  SY_ASSIGN(auto choices, choose_kernels(detect_cpu_features(), options));
  const std::size_t threads = options.threads != 0 ? options.threads : usable_cores();
  return std::make_unique<cpu::CpuDevice>(std::move(choices.set), options.precision, threads);
}

Result<std::vector<KernelChoice>> explain_kernels(std::string_view name,
                                                  const DeviceOptions& options) {
  SY_TRY(check_name(name));
  if (name == "cuda") return cuda::explain_cuda_kernels(options);
  SY_ASSIGN(auto choices, choose_kernels(detect_cpu_features(), options));
  return std::move(choices.list);
}

Result<Ceilings> measure_device_ceilings(std::string_view name, const DeviceOptions& device,
                                         const CeilingOptions& options) {
  SY_TRY(check_name(name));
  if (name == "cuda") return cuda::measure_cuda_ceilings(device);
  return measure_ceilings(options);
}

}  // namespace switchyard::kernels
