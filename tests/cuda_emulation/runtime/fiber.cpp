#include "tests/cuda_emulation/runtime/fiber.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "tests/cuda_emulation/runtime/fiber_sanitizer.h"

namespace cuda_emulation {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr std::size_t kGuardBytes = 64 * 1024 /* more than one frame */;
constexpr std::size_t kSlabFibers = 64;

}  // namespace

Fiber::Fiber(std::byte* stack, std::size_t stack_bytes)
    : stack_(stack),
      stack_bytes_(stack_bytes),
      self_(make_fcontext(stack + stack_bytes, stack_bytes, &Fiber::main)),
      sanitizer_fiber_(sanitizer::make_fiber()) {}

void Fiber::main(transfer_t from) {
  auto* fiber = static_cast<Fiber*>(from.data);
  sanitizer::arrive(nullptr, &fiber->scheduler_stack_, &fiber->scheduler_stack_bytes_);
  fiber->scheduler_ = from.fctx;
  for (;;) {
    fiber->body_(fiber->argument_);
    fiber->idle_ = true;
    fiber->suspend();
  }
}

void Fiber::resume(Body body, void* argument) {
  if (idle_) {
    body_ = body;
    argument_ = argument;
    idle_ = false;
  }
  sanitizer_scheduler_ = sanitizer::current_fiber();
  void* kept = nullptr;
  sanitizer::leave(&kept, stack_, stack_bytes_, sanitizer_fiber_);
  self_ = jump_fcontext(self_, this).fctx;
  sanitizer::arrive(kept, nullptr, nullptr);
}

void Fiber::suspend() {
  void* kept = nullptr;
  sanitizer::leave(&kept, scheduler_stack_, scheduler_stack_bytes_, sanitizer_scheduler_);
  scheduler_ = jump_fcontext(scheduler_, nullptr).fctx;
  sanitizer::arrive(kept, &scheduler_stack_, &scheduler_stack_bytes_);
}

void Fiber::give_up() {
  forget_frames();
  self_ = make_fcontext(stack_ + stack_bytes_, stack_bytes_, &Fiber::main);
  idle_ = true;
}

void Fiber::forget_frames() const { sanitizer::forget(stack_, stack_bytes_); }

bool Fiber::reaches(const void* stack_pointer) const {
  const auto* byte = static_cast<const std::byte*>(stack_pointer);
  return byte >= stack_ - kGuardBytes && byte <= stack_ + stack_bytes_;
}

FiberPool::~FiberPool() {
  for (std::byte* slab : slabs_) munmap(slab, kSlabFibers * (kStackBytes + kGuardBytes));
}

Fiber* FiberPool::take() {
  if (free_.empty()) grow();
  Fiber* fiber = free_.back();
  free_.pop_back();
  return fiber;
}

void FiberPool::grow() {
  const std::size_t step = kStackBytes + kGuardBytes;
  void* slab = mmap(nullptr, kSlabFibers * step, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (slab == MAP_FAILED) {
    std::perror("cuda_emulation: no memory for fibers");
    std::abort();
  }
  slabs_.push_back(static_cast<std::byte*>(slab));
  for (std::size_t i = kSlabFibers; i-- > 0;) {
    std::byte* guard = slabs_.back() + i * step;
    mprotect(guard, kGuardBytes, PROT_NONE);
    fibers_.push_back(std::make_unique<Fiber>(guard + kGuardBytes, kStackBytes));
    free_.push_back(fibers_.back().get());
  }
}

}  // namespace cuda_emulation
