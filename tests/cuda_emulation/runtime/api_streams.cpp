// Streams, events and host functions.
#include "tests/cuda_emulation/api/streams.h"

#include <chrono>

#include "tests/cuda_emulation/runtime/state.h"

namespace {

using cuda_emulation::api_call;
using cuda_emulation::Call;
using cuda_emulation::Engine;
using cuda_emulation::Event;
using cuda_emulation::MaybeFault;
using cuda_emulation::Stream;

// Events of a failed device are reached; the device's error is the answer.
cudaError_t error_of(Call& call, int device) {
  return call.state.devices[static_cast<std::size_t>(device)].sticky;
}

double now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

}  // namespace

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, cudaStreamDefault, 0);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags, int priority) {
  return api_call([&](Call& call) {
    if (stream == nullptr || flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    auto made = call.state.engine.make_stream(call.device, flags, priority);
    *stream = reinterpret_cast<cudaStream_t>(made.get());
    call.state.devices[static_cast<std::size_t>(call.device)].streams[*stream] = std::move(made);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return api_call([&](Call& call) {
    for (auto& device : call.state.devices) {
      if (device.streams.erase(stream) != 0) return cudaSuccess;
    }
    return cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return api_call([&](Call& call) {
    const auto stream = call.state.stream(handle, call.device);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    const bool done = call.state.engine.query(Engine::mark_of(stream));
    if (const cudaError_t error = error_of(call, stream->device); error != cudaSuccess)
      return error;
    return done ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return api_call([&](Call& call) {
    const auto stream = call.state.stream(handle, call.device);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    auto error = cudaSuccess;
    // Waiting for the legacy default stream waits for what it would wait for.
    if (stream == call.state.devices[static_cast<std::size_t>(stream->device)].default_stream) {
      call.state.enqueue(stream, {[]() -> MaybeFault { return {}; }, {}, {}});
    }
    error = call.wait(Engine::mark_of(stream));
    return error;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned int /*flags*/) {
  return api_call([&](Call& call) {
    const auto stream = call.state.stream(handle, call.device);
    const Event* awaited = call.state.event(event);
    if (stream == nullptr || awaited == nullptr) return cudaErrorInvalidResourceHandle;
    if (!awaited->recorded || awaited->mark.reached()) return cudaSuccess;
    call.state.enqueue(stream, {[]() -> MaybeFault { return {}; }, {awaited->mark}, {}});
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetDevice(cudaStream_t handle, int* device) {
  return api_call([&](Call& call) {
    const auto stream = call.state.stream(handle, call.device);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    *device = stream->device;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetPriority(cudaStream_t handle, int* priority) {
  return api_call([&](Call& call) {
    const auto stream = call.state.stream(handle, call.device);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    *priority = stream->priority;
    return cudaSuccess;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t function, void* user_data) {
  return api_call([&](Call& call) {
    const auto stream = call.state.stream(handle, call.device);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (function == nullptr) return cudaErrorInvalidValue;
    call.state.enqueue(stream, {[=]() -> MaybeFault {
                                  cuda_emulation::in_host_function() = true;
                                  function(user_data);
                                  cuda_emulation::in_host_function() = false;
                                  return {};
                                },
                                {},
                                {}});
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  return api_call([&](Call& call) {
    if (event == nullptr) return cudaErrorInvalidValue;
    auto made = std::make_unique<Event>();
    made->device = call.device;
    made->flags = flags;
    *event = reinterpret_cast<cudaEvent_t>(made.get());
    call.state.events[*event] = std::move(made);
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api_call([&](Call& call) {
    return call.state.events.erase(event) != 0 ? cudaSuccess : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  return api_call([&](Call& call) {
    const auto stream = call.state.stream(handle, call.device);
    Event* recorded = call.state.event(event);
    if (stream == nullptr || recorded == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->device != recorded->device) return cudaErrorInvalidResourceHandle;
    recorded->recorded = true;
    recorded->found_waiting = {};
    recorded->passed_ms = std::make_shared<double>(-1);
    // Before the work is queued: an eager schedule may run it at once.
    recorded->mark = {stream, stream->enqueued + 1};
    call.state.enqueue(stream, {[passed = recorded->passed_ms]() -> MaybeFault {
                                  *passed = now_ms();
                                  return {};
                                },
                                {},
                                {}});
    return cudaSuccess;
  });
}

cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return api_call([&](Call& call) {
    Event* event = call.state.event(handle);
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    if (!event->recorded) return cudaSuccess;
    if (event->found_waiting == Event::Waiting{call.state.queued, 1}) {
      ++call.state.counters.polled_waits;
      event->found_waiting.times = 2;
    }
    const bool done = call.state.engine.query(event->mark);
    if (!done && event->found_waiting.times != 2) event->found_waiting = {call.state.queued, 1};
    if (const cudaError_t error = error_of(call, event->device); error != cudaSuccess) return error;
    return done ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return api_call([&](Call& call) {
    const Event* event = call.state.event(handle);
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    return event->recorded ? call.wait(event->mark) : cudaSuccess;
  });
}

cudaError_t cudaEventElapsedTime(float* elapsed_ms, cudaEvent_t start, cudaEvent_t end) {
  return api_call([&](Call& call) {
    const Event* first = call.state.event(start);
    const Event* last = call.state.event(end);
    if (elapsed_ms == nullptr) return cudaErrorInvalidValue;
    if (first == nullptr || last == nullptr || !first->recorded || !last->recorded ||
        ((first->flags | last->flags) & cudaEventDisableTiming) != 0) {
      return cudaErrorInvalidResourceHandle;
    }
    if (!first->mark.reached() || !last->mark.reached()) return cudaErrorNotReady;
    *elapsed_ms = static_cast<float>(*last->passed_ms - *first->passed_ms);
    return cudaSuccess;
  });
}
