// runtime/control/mailbox.h -- the two queues between a rank's engine thread and its agent thread:
// what the controller wants of the rank, and what the rank has to say. Neither side ever waits for
// the other. What the rank says is merged, so that its queue is bounded while it is cut off; what
// the controller wants has no bound but its own sparing (an engine that takes nothing for long is
// declared dead, and its connection ends). Not the networking (runtime/net) and not the engine.
// Thread safety: shared objects: safe, one engine thread and one agent thread.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "runtime/control/messages.h"

namespace switchyard::control {

class Mailbox {
 public:
  // ---- engine thread ----
  // The oldest message of the controller, if any. Blocks: no. Where there is none it costs one
  // load: engines ask on every turn of a wait.
  [[nodiscard]] std::optional<Message> take();
  // Says something to the controller. While the agent has not sent it yet (it may be cut off), a
  // further Progress of the same attempt and a further LoadReport are merged into it, a further
  // Heartbeat or Evidence replaces it, so that the queue stays bounded by the number of open
  // requests.
  void post(Message message);

  // ---- agent thread ----
  void deliver(Message message);
  [[nodiscard]] std::optional<Message> next_to_send();
  // What a re-registration tells: the sequences held now, derived from the assignments that were
  // delivered and from what was posted about them; and the newest epoch that it follows or, with
  // the Commit delivered, is about to.
  struct Standing {
    std::vector<HeldRequest> held;
    Epoch epoch;
  };
  [[nodiscard]] Standing standing() const;
  // Called (from the engine thread) after post(), to wake the agent; set before the threads start.
  void on_post(std::function<void()> wake) { wake_ = std::move(wake); }
  // Called (from the agent thread) with the view of a Commit or Welcome before the engine can take
  // that; set before the threads start.
  void on_view(std::function<void(const std::shared_ptr<const placement::View>&)> see) {
    see_ = std::move(see);
  }
  // Called (from the agent thread) after deliver(), to wake the engine.
  void on_deliver(std::function<void()> wake) { wake_engine_ = std::move(wake); }

 private:
  // Whether the message went into one that waits already.
  [[nodiscard]] bool merged(Message& message);
  void show_view(const Message& message) const;
  void note_posted(const Message& message);
  void note_delivered(const Message& message);

  mutable std::mutex mutex_;
  std::deque<Message> to_engine_;
  std::atomic<std::size_t> waiting_{0};  // the length of to_engine_, written under the mutex
  std::deque<Message> to_controller_;
  std::uint64_t sent_ = 0;  // messages that have left the front of to_controller_
  // Where the last Progress of a request stands: its number counted from the first message ever.
  std::unordered_map<RequestId, std::uint64_t> progress_at_;
  std::unordered_map<RequestId, HeldRequest> held_;
  Epoch followed_;
  std::function<void()> wake_;
  std::function<void()> wake_engine_;
  std::function<void(const std::shared_ptr<const placement::View>&)> see_;
};

}  // namespace switchyard::control
