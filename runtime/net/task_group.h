// runtime/net/task_group.h -- starts coroutines on an io_context and knows how many still run, so
// that nothing is forgotten at the end. An exception that leaves one is a bug (operating errors are
// values; what is left is exhausted memory) and ends the process with its text.
// Thread safety: one io_context of one thread; shared objects: unsafe.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>

#include "runtime/base/check.h"
#include "runtime/net/coroutine.h"

namespace switchyard::net {

class TaskGroup {
 public:
  explicit TaskGroup(asio::io_context& io) : io_(io) {}

  void start(Task<void> task) {
    ++*running_;
    asio::co_spawn(io_, std::move(task), [running = running_](std::exception_ptr failure) {
      --*running;
      if (failure != nullptr) report(failure);
    });
  }
  [[nodiscard]] std::size_t running() const noexcept { return *running_; }

 private:
  static void report(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      SY_CHECK(false, "a task ended with an exception: {}", error.what());
    }
  }

  asio::io_context& io_;
  std::shared_ptr<std::size_t> running_ = std::make_shared<std::size_t>(0);
};

}  // namespace switchyard::net
