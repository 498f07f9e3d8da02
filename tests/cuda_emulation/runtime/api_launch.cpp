// Launches: checks of limits, queueing, the walk over the grid.
#include <cxxabi.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "tests/cuda_emulation/api/launch.h"
#include "tests/cuda_emulation/runtime/block_run.h"
#include "tests/cuda_emulation/runtime/shared_memory.h"
#include "tests/cuda_emulation/runtime/state.h"

namespace cuda_emulation {
namespace {

constexpr unsigned int kThreadsMax = 1024;
constexpr unsigned int kThreadsMaxZ = 64;
constexpr unsigned int kGridMaxX = 2147483647U;
constexpr unsigned int kGridMaxYz = 65535;

std::string symbol_of(const void* kernel) {
  Dl_info info{};
  if (dladdr(kernel, &info) == 0 || info.dli_sname == nullptr || info.dli_saddr != kernel) {
    return fmt::format("{}", kernel);
  }
  int status = 0;
  char* plain = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  std::string name(status == 0 ? plain : info.dli_sname);
  std::free(plain);
  return name.substr(0, name.find('('));
}

std::size_t dynamic_bytes_allowed(const State& all, const void* kernel) {
  const auto found = all.dynamic_bytes_allowed.find(kernel);
  return found == all.dynamic_bytes_allowed.end() ? kSharedBytesDefault
                                                  : static_cast<std::size_t>(found->second);
}

bool has_size(const dim3& size, unsigned int x, unsigned int y, unsigned int z) {
  return size.x != 0 && size.y != 0 && size.z != 0 && size.x <= x && size.y <= y && size.z <= z;
}

cudaError_t check(const State& all, const cudaLaunchConfig_t& config, const void* kernel) {
  if (!has_size(config.gridDim, kGridMaxX, kGridMaxYz, kGridMaxYz) ||
      !has_size(config.blockDim, kThreadsMax, kThreadsMax, kThreadsMaxZ) ||
      config.blockDim.x * config.blockDim.y * config.blockDim.z > kThreadsMax) {
    return cudaErrorInvalidConfiguration;
  }
  if (config.dynamicSmemBytes > dynamic_bytes_allowed(all, kernel)) return cudaErrorInvalidValue;
  for (unsigned int i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    const bool wanted =
        (attribute.id == cudaLaunchAttributeCooperative && attribute.val.cooperative != 0) ||
        attribute.id == cudaLaunchAttributeClusterDimension;
    if (wanted) return cudaErrorNotSupported;  // blocks run one after the other here
  }
  return cudaSuccess;
}

uint3 block_at(std::uint64_t number, const dim3& grid) {
  return {static_cast<unsigned int>(number % grid.x),
          static_cast<unsigned int>(number / grid.x % grid.y),
          static_cast<unsigned int>(number / grid.x / grid.y)};
}

MaybeFault run_grid(State& all, const Launch& launch) {
  ++all.counters.kernels;
  const Order order = all.engine.schedule().order;
  const auto blocks = std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  std::vector<std::uint64_t> shuffled;
  if (order == Order::kRandom) {
    shuffled.resize(blocks);
    std::iota(shuffled.begin(), shuffled.end(), 0);
    for (std::uint64_t i = blocks; i > 1; --i) {
      std::swap(shuffled[i - 1], shuffled[all.engine.dice().below(static_cast<std::uint32_t>(i))]);
    }
  }
  BlockRun run(all.fibers, launch, order, all.engine.dice(), all.counters);
  for (std::uint64_t i = 0; i < blocks; ++i) {
    std::uint64_t number = order == Order::kDescending ? blocks - 1 - i : i;
    if (order == Order::kRandom) number = shuffled[i];
    if (MaybeFault fault = run.run(block_at(number, launch.grid))) return fault;
  }
  return {};
}

}  // namespace

const std::string& State::name_of(const void* kernel) {
  auto [known, is_new] = kernel_names.try_emplace(kernel);
  if (is_new) known->second = symbol_of(kernel);
  return known->second;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, KernelBody body) {
  return api_call([&](Call& call) {
    const auto stream = call.state.stream(config.stream, call.device);
    if (stream == nullptr || stream->device != call.device) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t error = check(call.state, config, kernel); error != cudaSuccess) {
      return error;
    }
    const Launch work{call.state.name_of(kernel), config.gridDim, config.blockDim,
                      config.dynamicSmemBytes, std::move(body)};
    call.state.enqueue(stream, {[&all = call.state, work] { return run_grid(all, work); }, {}, {}});
    return cudaSuccess;
  });
}

cudaError_t set_function_attribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  return api_call([&](Call& call) {
    if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
    if (value < 0 || static_cast<std::size_t>(value) > kSharedBytesMax)
      return cudaErrorInvalidValue;
    call.state.dynamic_bytes_allowed[kernel] = value;
    return cudaSuccess;
  });
}

cudaError_t function_attributes(cudaFuncAttributes* attributes, const void* kernel) {
  return api_call([&](Call& call) {
    if (attributes == nullptr || kernel == nullptr) return cudaErrorInvalidValue;
    *attributes = {};
    attributes->maxThreadsPerBlock = static_cast<int>(kThreadsMax);
    attributes->ptxVersion = attributes->binaryVersion = 90;
    attributes->maxDynamicSharedSizeBytes =
        static_cast<int>(dynamic_bytes_allowed(call.state, kernel));
    return cudaSuccess;
  });
}

// Threads and shared memory bound the answer; registers are not known here.
cudaError_t occupancy_blocks(int* blocks, const void* kernel, int block_threads,
                             std::size_t dynamic_bytes) {
  return api_call([&](Call& call) {
    if (blocks == nullptr || kernel == nullptr || block_threads <= 0) return cudaErrorInvalidValue;
    *blocks = 0;
    if (dynamic_bytes > dynamic_bytes_allowed(call.state, kernel)) return cudaSuccess;
    const int warps = (block_threads + 31) / 32;
    const std::size_t block_bytes = dynamic_bytes + 1024;  // what the system keeps of each block
    *blocks = std::min({32, 64 / warps, static_cast<int>(228 * 1024 / block_bytes)});
    return cudaSuccess;
  });
}

}  // namespace cuda_emulation
