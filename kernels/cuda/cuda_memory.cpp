#include "kernels/cuda/cuda_memory.h"

#include <cstdint>
#include <cstring>
#include <thread>

#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/limits.h"

namespace switchyard::kernels::cuda {
namespace {

constexpr cudaStream_t kLegacyStream = nullptr;

// A destructor cannot report; what fails here has failed before, where it was reported.
void free_device(std::byte* data, std::size_t /*bytes*/) noexcept {
  (void)cudaFreeAsync(data, kLegacyStream);
}
void free_pinned(std::byte* data, std::size_t /*bytes*/) noexcept { (void)cudaFreeHost(data); }

}  // namespace

Result<DeviceMemory> allocate_device(std::size_t bytes) {
  if (bytes == 0) return DeviceMemory();
  void* data = nullptr;
  SY_TRY(check(cudaMallocAsync(&data, bytes, kLegacyStream),
               fmt::format("{} bytes of device memory", bytes)));
  return DeviceMemory(HostBuffer(static_cast<std::byte*>(data), bytes, &free_device));
}

Result<void> keep_freed_memory(int gpu) {
  cudaMemPool_t pool = nullptr;
  SY_TRY(check(cudaDeviceGetDefaultMemPool(&pool, gpu), "finding the GPU's pool of memory"));
  std::uint64_t all = UINT64_MAX;
  return check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all),
               "setting up the GPU's pool of memory");
}

Result<void> give_back_freed_memory(int gpu) {
  cudaMemPool_t pool = nullptr;
  SY_TRY(check(cudaDeviceGetDefaultMemPool(&pool, gpu), "finding the GPU's pool of memory"));
  // Memory ends in the order of this stream.
  SY_ASSIGN(auto ended, Event::create());
  SY_TRY(ended.record_legacy());
  SY_TRY(ended.wait(kDeviceWaitMax));
  return check(cudaMemPoolTrimTo(pool, 0), "giving memory of the GPU's pool back");
}

Result<HostBuffer> allocate_pinned(std::size_t bytes) {
  if (bytes == 0) return HostBuffer();
  void* data = nullptr;
  SY_TRY(check(cudaHostAlloc(&data, bytes, cudaHostAllocPortable | cudaHostAllocMapped),
               fmt::format("{} bytes of pinned memory", bytes)));
  std::memset(data, 0, bytes);
  return HostBuffer(static_cast<std::byte*>(data), bytes, &free_pinned);
}

Result<Stream> Stream::create() {
  cudaStream_t stream = nullptr;
  SY_TRY(check(cudaStreamCreateWithFlags(&stream, cudaStreamDefault), "making a stream"));
  return Stream(stream);
}

Stream::~Stream() {
  if (stream_ != nullptr) (void)cudaStreamDestroy(stream_);
}

Result<Event> Event::create() {
  cudaEvent_t event = nullptr;
  SY_TRY(check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event"));
  return Event(event);
}

Event::~Event() {
  if (event_ != nullptr) (void)cudaEventDestroy(event_);
}

Result<void> Event::record(const Stream& stream) {
  return check(cudaEventRecord(event_, stream.get()), "recording an event");
}

Result<void> Event::record_legacy() {
  return check(cudaEventRecord(event_, kLegacyStream), "recording an event");
}

Result<bool> Event::reached() const {
  const cudaError_t status = cudaEventQuery(event_);
  if (status == cudaSuccess) return true;
  if (status != cudaErrorNotReady) SY_TRY(check(status, "waiting for the device"));
  (void)cudaGetLastError();  // "not ready" counts as an error
  return false;
}

Result<void> Event::wait(Duration limit) const {
  return wait(limit, [] {});
}

Result<void> Event::wait(Duration limit, const std::function<void()>& look) const {
  constexpr int kSpins = 1000;  // a step's waits are some tens of microseconds
  const SteadyClock clock;
  const Deadline deadline = Deadline::after(clock, limit);
  for (int spin = 0;; ++spin) {
    SY_ASSIGN(const bool done, reached());
    if (done) return {};
    look();
    if (spin < kSpins) continue;
    if (deadline.passed(clock)) {
      return fail(ErrorCode::kDeadline, ErrorScope::kDevice,
                  "cuda: the device did not finish its work within {:.0f} s", to_seconds(limit));
    }
    std::this_thread::yield();
  }
}

}  // namespace switchyard::kernels::cuda
