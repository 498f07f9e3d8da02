// kernels/cuda/cuda_memory.h -- owners of CUDA's things: device memory, pinned memory, streams,
// events. Thread safety: shared objects: unsafe.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <utility>

#include "kernels/device_memory.h"
#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"

namespace switchyard::kernels::cuda {

// Uninitialised memory of the current GPU's pool. Neither this nor its end waits for kernels, as
// cudaMalloc and cudaFree may: those that exchange rows wait for other ranks. In the order of the
// GPU's Streams: work that was queued before the end may still use it. Errors: kLimit.
[[nodiscard]] Result<DeviceMemory> allocate_device(std::size_t bytes);
// What has ended stays with this process, for what comes next. Before the first allocation of each
// device; again it changes nothing.
[[nodiscard]] Result<void> keep_freed_memory(int gpu);
// All that has ended goes back to the GPU, for other processes too. Waits for the legacy stream.
[[nodiscard]] Result<void> give_back_freed_memory(int gpu);
// Page-locked, visible to every device, zeroed. Errors: kLimit.
[[nodiscard]] Result<HostBuffer> allocate_pinned(std::size_t bytes);

// Ordered with the legacy default stream, on which memory comes and goes.
class Stream {
 public:
  [[nodiscard]] static Result<Stream> create();
  ~Stream();
  Stream(Stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }
  [[nodiscard]] cudaStream_t get() const noexcept { return stream_; }

 private:
  explicit Stream(cudaStream_t stream) noexcept : stream_(stream) {}
  cudaStream_t stream_ = nullptr;
};

// A point in a stream.
class Event {
 public:
  [[nodiscard]] static Result<Event> create();
  ~Event();
  Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }
  [[nodiscard]] Result<void> record(const Stream& stream);
  [[nodiscard]] Result<void> record_legacy();  // on the stream on which memory comes and goes
  // Whether what was recorded is done. Errors: those of the work before the event.
  [[nodiscard]] Result<bool> reached() const;
  // Until what was recorded is done; at once if nothing was. Polls, so that a hung device is not
  // waited for without end. Errors: kDeadline, and those of the work before the event.
  [[nodiscard]] Result<void> wait(Duration limit) const;
  // The same, calling `look` between one poll and the next.
  [[nodiscard]] Result<void> wait(Duration limit, const std::function<void()>& look) const;

 private:
  explicit Event(cudaEvent_t event) noexcept : event_(event) {}
  cudaEvent_t event_ = nullptr;
};

}  // namespace switchyard::kernels::cuda
