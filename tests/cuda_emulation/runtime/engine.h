// tests/cuda_emulation/runtime/engine.h -- runs the work of all streams of the process.
// Work runs on the host threads that call in, under one lock: when they wait, when they ask, or
// when they queue, as Progress says. Among the streams whose next piece may run, Order chooses.
// Nothing but the order within a stream, the marks that a piece of work needs and `ready` holds it
// back. All members need lock() held, except wait(), which gives it away while peers are awaited.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/cuda_emulation/control.h"
#include "tests/cuda_emulation/runtime/device_memory.h"
#include "tests/cuda_emulation/runtime/dice.h"
#include "tests/cuda_emulation/runtime/stream.h"

namespace cuda_emulation {

class Engine {
 public:
  using Lock = std::unique_lock<std::mutex>;

  Engine(DeviceMemory& memory, std::function<void(int device, const Fault&)> on_fault);

  void set_schedule(const Schedule& schedule);
  [[nodiscard]] const Schedule& schedule() const { return schedule_; }
  [[nodiscard]] Dice& dice() { return dice_; }

  [[nodiscard]] std::shared_ptr<Stream> make_stream(int device, unsigned int flags, int priority);
  // Adds work at the end of a stream and lets some of the queued work run.
  void enqueue(const std::shared_ptr<Stream>& stream, Work work);
  // Where the stream's queue ends now.
  [[nodiscard]] static Mark mark_of(const std::shared_ptr<Stream>& stream) {
    return {stream, stream->enqueued};
  }
  // The host asks whether the mark is reached: some work runs first.
  [[nodiscard]] bool query(const Mark& mark);
  // The host waits until the mark is reached, or its device has failed.
  void wait(Lock& lock, const Mark& mark);
  // ... until everything queued on a device has run.
  void wait_device(Lock& lock, int device);
  // Forgets the queued work of a device; marks count as reached.
  void drop(int device);
  // Gives the lock away for a moment: something outside is awaited.
  void pause(Lock& lock);
  // Something outside has changed that work may wait for.
  void notify() { changed_.notify_all(); }

 private:
  [[nodiscard]] static bool may_run(const Stream& stream);
  [[nodiscard]] Stream* needed_for(const Mark& mark) const;
  [[nodiscard]] Stream* any();
  bool step_towards(const Mark& mark);
  bool run_some(std::uint32_t pieces);
  void run_head(Stream& stream);

  DeviceMemory& memory_;
  std::function<void(int, const Fault&)> on_fault_;
  Schedule schedule_;
  Dice dice_{1};
  std::vector<std::weak_ptr<Stream>> streams_;
  std::vector<std::shared_ptr<Stream>> busy_;  // with queued work; keeps destroyed streams alive
  std::uint32_t streams_made_ = 0;
  bool running_ = false;  // work does not start work
  std::condition_variable changed_;
};

}  // namespace cuda_emulation
