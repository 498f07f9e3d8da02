#include "tests/cuda_emulation/runtime/state.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/cuda_emulation/runtime/access_window.h"

namespace cuda_emulation {
namespace {

std::string_view setting(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::string_view{} : std::string_view(text);
}

[[noreturn]] void refuse(const char* name, std::string_view value) {
  std::fprintf(stderr, "cuda_emulation: %s has no meaning for \"%.*s\"\n", name,
               static_cast<int>(value.size()), value.data());
  std::abort();
}

Schedule schedule_of_environment() {
  Schedule schedule;
  const std::string_view order = setting("CUDA_EMULATION_SCHEDULE");
  if (order == "descending") {
    schedule.order = Order::kDescending;
  } else if (order == "random") {
    schedule.order = Order::kRandom;
  } else if (!order.empty() && order != "ascending") {
    refuse("CUDA_EMULATION_SCHEDULE", order);
  }
  const std::string_view progress = setting("CUDA_EMULATION_PROGRESS");
  if (progress == "early") {
    schedule.progress = Progress::kEarly;
  } else if (progress == "random") {
    schedule.progress = Progress::kRandom;
  } else if (!progress.empty() && progress != "late") {
    refuse("CUDA_EMULATION_PROGRESS", progress);
  }
  if (const std::string seed(setting("CUDA_EMULATION_SEED")); !seed.empty()) {
    schedule.seed = std::strtoull(seed.c_str(), nullptr, 10);
  }
  return schedule;
}

}  // namespace

State::State()
    : engine(memory, [this](int device, const Fault& fault) { note_fault(device, fault); }) {
  engine.set_schedule(schedule_of_environment());
  const std::string count(setting("CUDA_EMULATION_DEVICES"));
  const std::string processors_wanted(setting("CUDA_EMULATION_PROCESSORS"));
  if (!processors_wanted.empty()) processors = std::atoi(processors_wanted.c_str());
  set_device_count(count.empty() ? 1 : std::atoi(count.c_str()));
  watch_accesses(memory);
}

void State::set_device_count(int count) {
  devices.resize(static_cast<std::size_t>(count));
  for (int device = 0; device < count; ++device) {
    auto& stream = devices[static_cast<std::size_t>(device)].default_stream;
    if (stream == nullptr) stream = engine.make_stream(device, cudaStreamDefault, 0);
  }
}

std::shared_ptr<Stream> State::stream(cudaStream_t handle, int device) const {
  if (handle == nullptr || handle == cudaStreamLegacy) {
    return devices[static_cast<std::size_t>(device)].default_stream;
  }
  for (const DeviceState& owner : devices) {
    if (const auto found = owner.streams.find(handle); found != owner.streams.end()) {
      return found->second;
    }
  }
  return nullptr;
}

Event* State::event(cudaEvent_t handle) const {
  const auto found = events.find(handle);
  return found == events.end() ? nullptr : found->second.get();
}

void State::enqueue(const std::shared_ptr<Stream>& stream, Work work) {
  const DeviceState& device = devices[static_cast<std::size_t>(stream->device)];
  if (stream == device.default_stream) {
    for (const auto& [handle, other] : device.streams) {
      if ((other->flags & cudaStreamNonBlocking) == 0 && !other->idle()) {
        work.needs.push_back(Engine::mark_of(other));
      }
    }
  } else if ((stream->flags & cudaStreamNonBlocking) == 0 && !device.default_stream->idle()) {
    work.needs.push_back(Engine::mark_of(device.default_stream));
  }
  ++queued;
  engine.enqueue(stream, std::move(work));
}

void State::clear_device(int device) {
  engine.drop(device);
  memory.release_all(device);
  DeviceState& cleared = devices[static_cast<std::size_t>(device)];
  cleared.streams.clear();
  cleared.sticky = cudaSuccess;
  std::erase_if(events, [device](const auto& event) { return event.second->device == device; });
}

void State::note_fault(int device, const Fault& fault) {
  std::fprintf(stderr, "cuda_emulation: %s: %s\n", cudaGetErrorName(fault.code),
               fault.text.c_str());
  last_fault = fault.text;
  devices[static_cast<std::size_t>(device)].sticky = fault.code;
  engine.drop(device);
}

int State::device_of_thread() const {
  const int device = current_device();
  return device < static_cast<int>(devices.size()) ? device : 0;
}

State& state() {
  // Never destroyed: host code may still wait for its streams while the process ends.
  static State& the_state = *new State;
  return the_state;
}

cudaError_t Call::wait(const Mark& mark) const {
  ++state.counters.host_waits;
  state.engine.wait(lock, mark);
  return mark.stream == nullptr
             ? cudaSuccess
             : state.devices[static_cast<std::size_t>(mark.stream->device)].sticky;
}

int& current_device() {
  static thread_local int device = 0;
  return device;
}

cudaError_t& last_error() {
  static thread_local cudaError_t error = cudaSuccess;
  return error;
}

bool& in_host_function() {
  static thread_local bool inside = false;
  return inside;
}

}  // namespace cuda_emulation
