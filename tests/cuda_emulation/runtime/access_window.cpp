#include "tests/cuda_emulation/runtime/access_window.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "tests/cuda_emulation/runtime/block_run.h"

#if !defined(__x86_64__)
#error "the emulation ends a faulting kernel by x86-64 registers; teach redirect() yours"
#endif

namespace cuda_emulation {
namespace {

constexpr std::array kSignals{SIGSEGV, SIGBUS, SIGILL, SIGFPE};
constexpr std::size_t kSignalStackBytes = 64 * 1024;

DeviceMemory* watched = nullptr;  // one per process, set before the handlers are
std::array<struct sigaction, kSignals.size()> before;

constinit thread_local DeviceMemory* window = nullptr;

// A fiber may have no stack left: handlers run on one of their own.
class SignalStack {
 public:
  SignalStack() {
    stack_t none{};
    if (sigaltstack(nullptr, &none) == 0 && (none.ss_flags & SS_DISABLE) == 0) return;
    memory_ = std::malloc(kSignalStackBytes);
    stack_t stack{};
    stack.ss_sp = memory_;
    stack.ss_size = kSignalStackBytes;
    sigaltstack(&stack, nullptr);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;
  ~SignalStack() {
    if (memory_ == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    std::free(memory_);
  }

 private:
  void* memory_ = nullptr;
};

struct Trouble {
  int signal = 0;
  int code = 0;  // siginfo_t's
  void* address = nullptr;
};
constinit thread_local Trouble trouble{};

Fault fault_of(const Trouble& what, const Fiber& fiber) {
  const auto* address = static_cast<const std::byte*>(what.address);
  if (what.signal == SIGFPE) return {cudaErrorLaunchFailure, "divides an integer by zero"};
  if (what.signal == SIGILL) {
    return {cudaErrorMisalignedAddress,
            "a check of the compiler failed: a misaligned address or an array index out of range"};
  }
  if (what.signal == SIGSEGV && what.code == SI_KERNEL) {
    // The processor's general protection, which does not say where.
    return {cudaErrorMisalignedAddress,
            "touches a vector at a misaligned address, or an address that no memory can have"};
  }
  if (watched->covers(address)) {
    return {cudaErrorIllegalAddress, fmt::format("touches {}", watched->describe(address))};
  }
  const auto below = fiber.fresh_top() - address;
  if (below > 0 && below < (1 << 18)) return {cudaErrorLaunchFailure, "runs out of stack"};
  if (address == nullptr) return {cudaErrorIllegalAddress, "touches a null pointer"};
  return {cudaErrorIllegalAddress,
          fmt::format("touches {}, which is no device memory", what.address)};
}

// Where a faulting thread goes on, on its own (emptied) stack.
[[noreturn]] void land() {
  BlockRun* run = current_run();
  run->note(fault_of(trouble, *run->running_fiber()));
  run->stop();
}

void redirect(ucontext_t& context, const Fiber& fiber) {
  fiber.forget_frames();
  const auto top = reinterpret_cast<std::uintptr_t>(fiber.fresh_top()) & ~std::uintptr_t{63};
  context.uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(top - 8);  // as after a call
  context.uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(&land);
}

[[noreturn]] void end_process(const char* who, const void* address) {
  const std::string text = fmt::format("cuda_emulation: {} touched device memory: {}\n", who,
                                       watched->describe(address));
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
  std::abort();
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const bool ours = signal == SIGSEGV && watched->covers(info->si_addr);
  BlockRun* run = current_run();
  Fiber* fiber = run != nullptr ? run->running_fiber() : nullptr;
  const auto* stack =
      reinterpret_cast<const void*>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RSP]);
  const bool in_kernel = fiber != nullptr && fiber->reaches(stack);
  if (ours && window != nullptr) {
    if (Allocation* allocation = window->find_padded(info->si_addr);
        allocation != nullptr && !allocation->open) {
      return window->open(*allocation);
    }
    if (!in_kernel) end_process("a copy", info->si_addr);
  } else if (ours) {
    end_process("host code", info->si_addr);
  }
  if (in_kernel) {
    trouble = {signal, info->si_code, info->si_addr};
    return redirect(*static_cast<ucontext_t*>(context), *fiber);
  }
  // Not ours: whoever was there before handles the access when it is repeated.
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    if (kSignals[i] == signal) sigaction(signal, &before[i], nullptr);
  }
}

}  // namespace

AccessWindow::AccessWindow(DeviceMemory& memory) : memory_(memory) {
  static thread_local SignalStack stack;
  static_cast<void>(stack);
  window = &memory;
}

AccessWindow::~AccessWindow() {
  memory_.close_all();
  window = nullptr;
}

void watch_accesses(DeviceMemory& memory) {
  static std::once_flag once;
  std::call_once(once, [&memory] {
    watched = &memory;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      struct sigaction action {};
      action.sa_sigaction = &on_signal;
      action.sa_flags = SA_SIGINFO | SA_ONSTACK;
      sigemptyset(&action.sa_mask);
      sigaction(kSignals[i], &action, &before[i]);
    }
  });
}

}  // namespace cuda_emulation
