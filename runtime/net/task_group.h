// runtime/net/task_group.h -- starts coroutines on an io_context and knows when the last has
// ended, so that nothing is forgotten. An exception that leaves one is a bug (operating errors are
// values; what is left is exhausted memory) and ends the process with its text.
// Thread safety: one io_context of one thread; shared objects: unsafe.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <functional>
#include <memory>

#include "runtime/base/check.h"
#include "runtime/net/coroutine.h"

namespace switchyard::net {

class TaskGroup {
 public:
  explicit TaskGroup(asio::io_context& io) : io_(io) {}

  void start(Task<void> task) {
    ++state_->running;
    asio::co_spawn(io_, std::move(task), [state = state_](std::exception_ptr failure) {
      if (failure != nullptr) report(failure);
      if (--state->running == 0 && state->on_idle) state->on_idle();
    });
  }
  // Called each time the last one has ended.
  void on_idle(std::function<void()> call) { state_->on_idle = std::move(call); }

 private:
  static void report(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      SY_CHECK(false, "a task ended with an exception: {}", error.what());
    }
  }

  struct State {
    std::size_t running = 0;
    std::function<void()> on_idle;
  };
  asio::io_context& io_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace switchyard::net
