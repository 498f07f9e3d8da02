// tests/cuda_emulation/runtime/block_run.h -- runs the blocks of one launch, a block at a time.
// The threads of a block are fibers that switch only where they wait for each other (and at
// may_switch() in a random schedule). A fiber whose thread ends goes on with the next thread that
// has not begun, so a kernel without barriers costs no switch at all.
// Used by one host thread at a time; device code finds the run that it belongs to by current_run().
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/cuda_emulation/api/launch.h"
#include "tests/cuda_emulation/control.h"
#include "tests/cuda_emulation/device/collectives.h"
#include "tests/cuda_emulation/runtime/dice.h"
#include "tests/cuda_emulation/runtime/fault.h"
#include "tests/cuda_emulation/runtime/fiber.h"
#include "tests/cuda_emulation/runtime/warp_groups.h"

namespace cuda_emulation {

struct Launch {
  std::string name;
  dim3 grid;
  dim3 block;
  std::size_t dynamic_bytes = 0;
  KernelBody body;
};

class BlockRun {
 public:
  BlockRun(FiberPool& pool, const Launch& launch, Order order, Dice& dice, Counters& counters);
  BlockRun(const BlockRun&) = delete;
  BlockRun& operator=(const BlockRun&) = delete;
  ~BlockRun();

  // Runs one block to its end or to its first fault.
  [[nodiscard]] MaybeFault run(uint3 block);

  // --- called by the thread that runs ---
  int barrier(BlockOp op, int predicate, Where where);
  std::uint64_t exchange(const WarpCall& call);
  void may_switch();
  // Notes a fault of the running thread (its text says what was wrong), then ends the block. Two
  // calls: stop() leaves the frames as they are, so nothing in them may own memory.
  void note(const Fault& fault);
  [[noreturn]] void stop();
  [[nodiscard]] Fiber* running_fiber() const { return fiber_of_[running_]; }
  [[nodiscard]] std::uint32_t running() const { return running_; }

 private:
  enum class State : std::uint8_t { kNew, kReady, kAtBarrier, kInWarp, kEnded };
  struct Barrier {
    std::uint32_t arrived = 0;
    std::uint32_t counted = 0;  // threads with a predicate that is not zero
    BlockOp op = BlockOp::kSync;
    Where where;
    int answer = 0;
  };

  static void run_threads(void* self);  // the body of every fiber
  void enter(std::uint32_t thread);
  void end_thread(std::uint32_t thread);
  bool next_is_new();
  void choose_next();
  void make_ready(std::uint32_t thread, State from);
  void wait_as(State state);
  void release_barrier();
  void release_warp(std::uint32_t warp, std::uint32_t lanes);
  void start_block(uint3 block);
  void clear_fibers();
  [[nodiscard]] std::string place(std::uint32_t thread) const;
  [[nodiscard]] Fault who_waits() const;

  FiberPool& pool_;
  const Launch& launch_;
  Order order_;
  Dice& dice_;
  Counters& counters_;
  std::uint32_t count_;  // threads of a block
  uint3 block_{};
  std::vector<uint3> index_of_;       // [count_] threadIdx
  std::vector<Fiber*> fiber_of_;      // [count_] null: not begun, or ended
  std::vector<State> state_;          // [count_]
  std::vector<std::uint32_t> ready_;  // a queue from head_ on
  std::size_t head_ = 0;
  std::uint32_t running_ = 0;
  std::uint32_t ended_ = 0;
  Barrier barrier_;
  std::vector<WarpGroups> warps_;
  MaybeFault fault_;
};

// The run whose thread the calling host thread executes; null outside kernels.
[[nodiscard]] BlockRun* current_run();

}  // namespace cuda_emulation
