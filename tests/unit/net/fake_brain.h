// tests/unit/net/fake_brain.h -- a controller that welcomes every agent, answers every command and
// writes down what happened, for tests of the sockets around it.
// Thread safety: shared objects: safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/net/controller_server.h"

namespace switchyard::net {

class FakeBrain {
 public:
  [[nodiscard]] Brain brain();

  // Waits until `count` happenings satisfy `is`; false after ten seconds.
  using Is = std::function<bool(const control::Happening&)>;
  [[nodiscard]] bool wait_for(const Is& is, std::size_t count = 1);
  [[nodiscard]] bool saw(const Is& is) const;
  // Messages of type M received so far, in order.
  template <class M>
  [[nodiscard]] std::vector<M> received() const {
    std::vector<M> out;
    const std::lock_guard lock(mutex_);
    for (const auto& happening : seen_) {
      const auto* what = std::get_if<control::Received>(&happening);
      if (what == nullptr) continue;
      if (const auto* message = std::get_if<M>(&what->message)) out.push_back(*message);
    }
    return out;
  }
  // Everything of kind H that has happened so far, in order.
  template <class H>
  [[nodiscard]] std::vector<H> happenings() const {
    std::vector<H> out;
    const std::lock_guard lock(mutex_);
    for (const auto& happening : seen_) {
      if (const auto* what = std::get_if<H>(&happening)) out.push_back(*what);
    }
    return out;
  }
  // Does these with the next happening.
  void next_actions(std::vector<control::Action> actions);
  [[nodiscard]] std::string status() const {
    const std::lock_guard lock(mutex_);
    return R"({"cluster": {"phase": "serving", "unserved": ")" + unserved_ +
           R"("}, "view": {"epoch": 3}, "ranks": [{"health": "healthy"}]})";
  }
  // What the status says from now on: why no request can be answered.
  void cannot_serve(std::string why);
  // It does nothing while this is held, and nobody else of its process does.
  [[nodiscard]] std::unique_lock<std::mutex> hang() { return std::unique_lock(mutex_); }
  // From now on agents hear that it lives before they have said who they are.
  void says_alive_first();
  // The next commands are not answered.
  void withholds_answers();
  // What the next commands are answered with.
  void answer_with(control::Answer answer);

 private:
  std::vector<control::Action> handle(control::Happening happening);
  void react(const control::Received& what, std::vector<control::Action>& actions);

  std::string unserved_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<control::Happening> seen_;
  std::vector<control::Action> next_;
  control::Answer answer_{true, "ok", "", ""};
  std::uint32_t incarnation_ = 0;
  bool alive_first_ = false;
  bool answers_ = true;
};

// A server on a thread of its own, stopped and joined at the end.
class RunningServer {
 public:
  RunningServer(FakeBrain& brain, ServerOptions options, Log log = make_null_log());
  ~RunningServer();
  [[nodiscard]] Endpoint where() const { return where_; }
  [[nodiscard]] Endpoint admin() const { return admin_; }
  void stop();
  // Waits for it to stop by itself.
  void join() { thread_.join(); }

 private:
  std::unique_ptr<ControllerServer> server_;
  Endpoint where_;
  Endpoint admin_;
  std::thread thread_;
};

template <class M>
bool is_message(const control::Happening& happening) {
  const auto* what = std::get_if<control::Received>(&happening);
  return what != nullptr && std::holds_alternative<M>(what->message);
}

template <class H>
bool is_happening(const control::Happening& happening) {
  return std::holds_alternative<H>(happening);
}

}  // namespace switchyard::net
