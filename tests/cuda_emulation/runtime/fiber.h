// tests/cuda_emulation/runtime/fiber.h -- stacks that the threads of a block run on
// (Boost.Context). A fiber runs `body` over and over, once per resume() from its scheduler that
// finds it idle; within a body, suspend() goes back to the scheduler. Fibers stay on the host
// thread that resumes them and are kept from block to block. One that is given up (a fault) starts
// afresh, without unwinding. Not thread-safe: the engine's lock guards them.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <memory>
#include <vector>

namespace cuda_emulation {

class Fiber {
 public:
  // What a fiber runs when it is resumed while idle.
  using Body = void (*)(void* argument);

  Fiber(std::byte* stack, std::size_t stack_bytes);

  // From the scheduler: runs until the body suspends or returns. `body` is read when idle.
  void resume(Body body, void* argument);
  // From inside a body.
  void suspend();
  // From the scheduler: forgets what the fiber was doing.
  void give_up();
  // What is on the stack is dead; a frame may be put anywhere on it.
  void forget_frames() const;
  [[nodiscard]] bool idle() const { return idle_; }
  // Whether a stack pointer is this fiber's, also when it has just run over the end.
  [[nodiscard]] bool reaches(const void* stack_pointer) const;
  // Where a frame may be put when all that is on the stack is dead.
  [[nodiscard]] std::byte* fresh_top() const { return stack_ + stack_bytes_ - 1024; }

 private:
  static void main(boost::context::detail::transfer_t from);

  std::byte* stack_;
  std::size_t stack_bytes_;
  boost::context::detail::fcontext_t self_ = nullptr;
  boost::context::detail::fcontext_t scheduler_ = nullptr;
  Body body_ = nullptr;
  void* argument_ = nullptr;
  bool idle_ = true;
  // Sanitizers follow stacks only when told (fiber_sanitizer.h).
  void* sanitizer_fiber_ = nullptr;
  void* sanitizer_scheduler_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_bytes_ = 0;
};

// As many fibers as were ever needed at once; an inaccessible page lies below each stack.
class FiberPool {
 public:
  FiberPool() = default;
  FiberPool(const FiberPool&) = delete;
  FiberPool& operator=(const FiberPool&) = delete;
  ~FiberPool();

  [[nodiscard]] Fiber* take();
  void put_back(Fiber* fiber) { free_.push_back(fiber); }

 private:
  void grow();

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;
  std::vector<std::byte*> slabs_;
};

}  // namespace cuda_emulation
