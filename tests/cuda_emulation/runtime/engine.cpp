#include "tests/cuda_emulation/runtime/engine.h"

#include <algorithm>
#include <chrono>

#include "tests/cuda_emulation/runtime/access_window.h"

namespace cuda_emulation {
namespace {

constexpr auto kPeerPoll = std::chrono::microseconds(200);

}  // namespace

Engine::Engine(DeviceMemory& memory, std::function<void(int, const Fault&)> on_fault)
    : memory_(memory), on_fault_(std::move(on_fault)) {}

void Engine::set_schedule(const Schedule& schedule) {
  schedule_ = schedule;
  dice_ = Dice(schedule.seed);
}

std::shared_ptr<Stream> Engine::make_stream(int device, unsigned int flags, int priority) {
  auto stream = std::make_shared<Stream>();
  stream->device = device;
  stream->flags = flags;
  stream->priority = priority;
  stream->number = streams_made_++;
  return stream;
}

void Engine::enqueue(const std::shared_ptr<Stream>& stream, Work work) {
  if (stream->idle()) busy_.push_back(stream);
  stream->queue.push_back(std::move(work));
  ++stream->enqueued;
  switch (schedule_.progress) {
    case Progress::kLate: break;
    case Progress::kEarly:
      while (run_some(1)) {
      }
      break;
    case Progress::kRandom: run_some(dice_.below(3)); break;
  }
}

bool Engine::may_run(const Stream& stream) {
  const Work& head = stream.queue.front();
  return std::ranges::all_of(head.needs, &Mark::reached) && (!head.ready || head.ready());
}

// The stream whose next piece has to run so that the mark is reached; null when that piece waits
// for something outside.
Stream* Engine::needed_for(const Mark& mark) const {
  if (mark.reached()) return nullptr;
  const Work& head = mark.stream->queue.front();
  for (const Mark& need : head.needs) {
    if (!need.reached()) return needed_for(need);
  }
  return head.ready && !head.ready() ? nullptr : mark.stream.get();
}

Stream* Engine::any() {
  std::vector<Stream*> able;
  for (const auto& stream : busy_) {
    if (may_run(*stream)) able.push_back(stream.get());
  }
  if (able.empty()) return nullptr;
  switch (schedule_.order) {
    case Order::kAscending: return *std::ranges::min_element(able, {}, &Stream::number);
    case Order::kDescending: return *std::ranges::max_element(able, {}, &Stream::number);
    case Order::kRandom: break;
  }
  return able[dice_.below(static_cast<std::uint32_t>(able.size()))];
}

bool Engine::run_some(std::uint32_t pieces) {
  if (running_) return false;
  bool ran = false;
  for (; pieces > 0; --pieces) {
    Stream* stream = any();
    if (stream == nullptr) break;
    run_head(*stream);
    ran = true;
  }
  return ran;
}

bool Engine::step_towards(const Mark& mark) {
  if (running_) return false;
  Stream* stream = schedule_.progress == Progress::kLate ? needed_for(mark) : any();
  // What the mark waits for may itself wait for peers, and those for our other streams.
  if (stream == nullptr) stream = any();
  if (stream == nullptr) return false;
  run_head(*stream);
  return true;
}

void Engine::run_head(Stream& stream) {
  // The last reference may be the one that is erased below.
  const std::shared_ptr<Stream> keep =
      *std::ranges::find_if(busy_, [&](const auto& busy) { return busy.get() == &stream; });
  running_ = true;
  MaybeFault fault;
  {
    const AccessWindow window(memory_);
    fault = stream.queue.front().run();
    if (std::string text = memory_.overrun(); !fault && !text.empty()) {
      fault = Fault{cudaErrorIllegalAddress, std::move(text)};
    }
  }
  running_ = false;
  if (fault) on_fault_(stream.device, *fault);
  if (stream.queue.empty()) return;                   // dropped with its device
  const Work done = std::move(stream.queue.front());  // ends after the bookkeeping
  stream.queue.pop_front();
  ++stream.completed;
  if (stream.idle()) {
    std::erase_if(busy_, [&](const auto& busy) { return busy.get() == &stream; });
  }
  changed_.notify_all();
}

bool Engine::query(const Mark& mark) {
  switch (schedule_.progress) {
    case Progress::kLate: step_towards(mark); break;
    case Progress::kEarly:
      while (run_some(1)) {
      }
      break;
    case Progress::kRandom: run_some(dice_.below(4)); break;
  }
  return mark.reached();
}

void Engine::wait(Lock& lock, const Mark& mark) {
  while (!mark.reached()) {
    if (!step_towards(mark)) pause(lock);
  }
}

void Engine::pause(Lock& lock) { changed_.wait_for(lock, kPeerPoll); }

void Engine::wait_device(Lock& lock, int device) {
  for (;;) {
    const auto found =
        std::ranges::find_if(busy_, [&](const auto& stream) { return stream->device == device; });
    if (found == busy_.end()) return;
    wait(lock, mark_of(*found));
  }
}

void Engine::drop(int device) {
  for (const auto& stream : busy_) {
    if (stream->device != device) continue;
    stream->completed = stream->enqueued;
    stream->queue.clear();
  }
  std::erase_if(busy_, [&](const auto& stream) { return stream->device == device; });
  changed_.notify_all();
}

}  // namespace cuda_emulation
