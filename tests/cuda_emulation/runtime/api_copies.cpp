// Copies and fills. One shape serves all: `height` rows of `width` bytes.
#include <cstring>
#include <memory>
#include <vector>

#include "tests/cuda_emulation/api/memory.h"
#include "tests/cuda_emulation/runtime/state.h"

namespace {

using cuda_emulation::api_call;
using cuda_emulation::Call;
using cuda_emulation::MaybeFault;
using cuda_emulation::Stream;

enum class Place { kDevice, kPinned, kPageable, kNowhere };

struct Copy {
  std::byte* to = nullptr;
  std::size_t to_pitch = 0;
  const std::byte* from = nullptr;
  std::size_t from_pitch = 0;
  std::size_t width = 0;
  std::size_t height = 0;

  void run() const {
    for (std::size_t row = 0; row < height; ++row) {
      std::memcpy(to + row * to_pitch, from + row * from_pitch, width);
    }
  }
};

std::size_t span_bytes(std::size_t pitch, std::size_t width, std::size_t height) {
  return pitch * (height - 1) + width;
}

Place place_of(Call& call, const void* address, std::size_t bytes) {
  if (address == nullptr) return Place::kNowhere;
  if (call.state.memory.covers(address)) {
    return call.state.memory.find(address, bytes) != nullptr ? Place::kDevice : Place::kNowhere;
  }
  if (call.state.pinned.holds(address, bytes)) return Place::kPinned;
  return call.state.pinned.touches(address, bytes) ? Place::kNowhere : Place::kPageable;
}

bool fits(cudaMemcpyKind kind, Place to, Place from) {
  const bool to_device = to == Place::kDevice;
  const bool from_device = from == Place::kDevice;
  switch (kind) {
    case cudaMemcpyHostToHost: return !to_device && !from_device;
    case cudaMemcpyHostToDevice: return to_device && !from_device;
    case cudaMemcpyDeviceToHost: return !to_device && from_device;
    case cudaMemcpyDeviceToDevice: return to_device && from_device;
    case cudaMemcpyDefault: return true;
  }
  return false;
}

// Queues the copy; waits when the runtime would.
cudaError_t copy(Call& call, Copy what, cudaMemcpyKind kind, cudaStream_t handle, bool wait) {
  if (what.width == 0 || what.height == 0) return cudaSuccess;
  if (what.to_pitch < what.width || what.from_pitch < what.width) return cudaErrorInvalidPitchValue;
  const std::shared_ptr<Stream> stream = call.state.stream(handle, call.device);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  const Place to = place_of(call, what.to, span_bytes(what.to_pitch, what.width, what.height));
  const Place from =
      place_of(call, what.from, span_bytes(what.from_pitch, what.width, what.height));
  if (to == Place::kNowhere || from == Place::kNowhere) return cudaErrorInvalidValue;
  if (!fits(kind, to, from)) return cudaErrorInvalidValue;
  if (to == Place::kDevice && from != Place::kDevice) ++call.state.counters.host_to_device;
  if (from == Place::kDevice && to != Place::kDevice) ++call.state.counters.device_to_host;
  std::shared_ptr<std::vector<std::byte>> staged;
  if (from == Place::kPageable && !wait) {
    staged = std::make_shared<std::vector<std::byte>>(what.width * what.height);
    Copy{staged->data(), what.width, what.from, what.from_pitch, what.width, what.height}.run();
    what.from = staged->data();
    what.from_pitch = what.width;
  }
  call.state.enqueue(stream, {[what, staged]() -> MaybeFault {
                                what.run();
                                return {};
                              },
                              {},
                              {}});
  if (!wait && to != Place::kPageable) return cudaSuccess;
  return call.wait(cuda_emulation::Engine::mark_of(stream));
}

Copy straight(void* to, const void* from, std::size_t bytes) {
  return {static_cast<std::byte*>(to), bytes, static_cast<const std::byte*>(from), bytes, bytes, 1};
}

Copy rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
          std::size_t width, std::size_t height) {
  return {static_cast<std::byte*>(to),
          to_pitch,
          static_cast<const std::byte*>(from),
          from_pitch,
          width,
          height};
}

cudaError_t fill(void* to, std::size_t pitch, int value, std::size_t width, std::size_t height,
                 cudaStream_t handle, bool wait) {
  return api_call([&](Call& call) {
    if (width == 0 || height == 0) return cudaSuccess;
    if (pitch < width) return cudaErrorInvalidPitchValue;
    const std::shared_ptr<Stream> stream = call.state.stream(handle, call.device);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    const Place place = place_of(call, to, span_bytes(pitch, width, height));
    if (place != Place::kDevice && place != Place::kPinned) return cudaErrorInvalidValue;
    call.state.enqueue(stream, {[=]() -> MaybeFault {
                                  for (std::size_t row = 0; row < height; ++row) {
                                    std::memset(static_cast<std::byte*>(to) + row * pitch, value,
                                                width);
                                  }
                                  return {};
                                },
                                {},
                                {}});
    return wait ? call.wait(cuda_emulation::Engine::mark_of(stream)) : cudaSuccess;
  });
}

}  // namespace

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return api_call(
      [&](Call& call) { return copy(call, straight(to, from, bytes), kind, nullptr, true); });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return api_call(
      [&](Call& call) { return copy(call, straight(to, from, bytes), kind, stream, false); });
}

cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                         std::size_t width, std::size_t height, cudaMemcpyKind kind) {
  return api_call([&](Call& call) {
    return copy(call, rows(to, to_pitch, from, from_pitch, width, height), kind, nullptr, true);
  });
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  return api_call([&](Call& call) {
    return copy(call, rows(to, to_pitch, from, from_pitch, width, height), kind, stream, false);
  });
}

// Like the driver, a fill of device memory does not wait, also where it is not called Async.
cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  return fill(to, bytes, value, bytes, 1, nullptr, false);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return fill(to, bytes, value, bytes, 1, stream, false);
}

cudaError_t cudaMemset2DAsync(void* to, std::size_t pitch, int value, std::size_t width,
                              std::size_t height, cudaStream_t stream) {
  return fill(to, pitch, value, width, height, stream, false);
}
