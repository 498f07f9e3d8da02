#include "tests/cuda_emulation/runtime/block_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "tests/cuda_emulation/device/here.h"
#include "tests/cuda_emulation/runtime/shared_memory.h"

constinit thread_local uint3 threadIdx{};
constinit thread_local uint3 blockIdx{};
constinit thread_local dim3 blockDim{};
constinit thread_local dim3 gridDim{};

namespace cuda_emulation {
namespace {

constexpr std::uint32_t kWarp = 32;
constexpr std::uint32_t kSwitchOneIn = 4;  // of the points where a random schedule may switch

constinit thread_local BlockRun* the_run = nullptr;

std::string point(uint3 at) { return fmt::format("({},{},{})", at.x, at.y, at.z); }

bool same_place(const Where& a, const Where& b) {
  return a.line == b.line && std::string_view(a.file) == b.file;
}

}  // namespace

// Not inlined: a fiber must not keep the address of a thread_local across a switch.
__attribute__((noinline)) BlockRun* current_run() { return the_run; }

BlockRun::BlockRun(FiberPool& pool, const Launch& launch, Order order, Dice& dice,
                   Counters& counters)
    : pool_(pool),
      launch_(launch),
      order_(order),
      dice_(dice),
      counters_(counters),
      count_(launch.block.x * launch.block.y * launch.block.z),
      index_of_(count_),
      fiber_of_(count_, nullptr),
      state_(count_, State::kNew),
      warps_((count_ + kWarp - 1) / kWarp) {
  for (std::uint32_t t = 0; t < count_; ++t) {
    index_of_[t] = {t % launch.block.x, t / launch.block.x % launch.block.y,
                    t / launch.block.x / launch.block.y};
  }
  ready_.reserve(2 * std::size_t{count_});
  blockDim = launch.block;
  gridDim = launch.grid;
  the_run = this;
}

BlockRun::~BlockRun() { the_run = nullptr; }

MaybeFault BlockRun::run(uint3 block) {
  start_block(block);
  while (!fault_ && head_ < ready_.size()) {
    choose_next();
    const std::uint32_t thread = ready_[head_];
    if (fiber_of_[thread] == nullptr) {
      fiber_of_[thread] = pool_.take();
    } else {
      ++head_;
      enter(thread);
    }
    ++counters_.switches;
    Fiber* fiber = fiber_of_[thread];
    fiber->resume(&BlockRun::run_threads, this);
    if (fiber->idle()) pool_.put_back(fiber);
  }
  if (!fault_ && ended_ < count_) fault_ = who_waits();
  if (!fault_) {
    if (auto text = shared_memory_complaint(); !text.empty()) {
      fault_ = Fault{cudaErrorIllegalAddress,
                     fmt::format("kernel {} block {}: {}", launch_.name, point(block_), text)};
    }
  }
  clear_fibers();
  return fault_;
}

void BlockRun::start_block(uint3 block) {
  block_ = block;
  blockIdx = block;
  ready_.clear();
  head_ = 0;
  ended_ = 0;
  barrier_ = {};
  fault_.reset();
  for (std::uint32_t t = 0; t < count_; ++t) {
    const std::uint32_t thread = order_ == Order::kDescending ? count_ - 1 - t : t;
    ready_.push_back(thread);
    state_[thread] = State::kNew;
  }
  for (std::uint32_t w = 0; w < warps_.size(); ++w) {
    const std::uint32_t lanes = std::min(kWarp, count_ - w * kWarp);
    warps_[w].reset(lanes == kWarp ? 0xffffffffU : (1U << lanes) - 1);
  }
  poison_shared_memory(launch_.dynamic_bytes);
  ++counters_.blocks;
  counters_.threads += count_;
}

// Moves the thread that runs next to the head of the queue.
void BlockRun::choose_next() {
  if (order_ != Order::kRandom) return;
  const auto waiting = static_cast<std::uint32_t>(ready_.size() - head_);
  std::swap(ready_[head_], ready_[head_ + dice_.below(waiting)]);
}

// A fiber: the thread at the head of the queue has not begun.
void BlockRun::run_threads(void* self) {
  auto* run = static_cast<BlockRun*>(self);
  Fiber* fiber = run->fiber_of_[run->ready_[run->head_]];
  do {
    const std::uint32_t thread = run->ready_[run->head_++];
    run->fiber_of_[thread] = fiber;
    run->enter(thread);
    run->launch_.body();
    run->end_thread(thread);
  } while (run->next_is_new());
}

bool BlockRun::next_is_new() {
  if (fault_ || head_ == ready_.size()) return false;
  choose_next();
  return fiber_of_[ready_[head_]] == nullptr;
}

__attribute__((noinline)) void BlockRun::enter(std::uint32_t thread) {
  running_ = thread;
  threadIdx = index_of_[thread];
}

void BlockRun::end_thread(std::uint32_t thread) {
  fiber_of_[thread] = nullptr;
  state_[thread] = State::kEnded;
  ++ended_;
  const std::uint32_t warp = thread / kWarp;
  release_warp(warp, warps_[warp].end(thread % kWarp));
}

void BlockRun::wait_as(State state) {
  const std::uint32_t thread = running_;
  state_[thread] = state;
  fiber_of_[thread]->suspend();
  // The scheduler has made this thread the running one again.
}

void BlockRun::make_ready(std::uint32_t thread, State from) {
  if (state_[thread] != from) return;
  state_[thread] = State::kReady;
  // The queue is used up from the front; moving it back keeps it within its capacity.
  if (ready_.size() == ready_.capacity()) {
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  ready_.push_back(thread);
}

int BlockRun::barrier(BlockOp op, int predicate, Where where) {
  if (barrier_.arrived == 0) {
    barrier_.op = op;
    barrier_.where = where;
    barrier_.counted = 0;
  } else if (barrier_.op != op || !same_place(barrier_.where, where)) {
    note({cudaErrorLaunchFailure,
          fmt::format("waits at the barrier {}:{} while {} threads wait at {}:{}: all threads of a "
                      "block must come to the same one",
                      where.file, where.line, barrier_.arrived, barrier_.where.file,
                      barrier_.where.line)});
    stop();
  }
  if (predicate != 0) ++barrier_.counted;
  if (++barrier_.arrived < count_) {
    wait_as(State::kAtBarrier);
  } else {
    release_barrier();
    may_switch();
  }
  return barrier_.answer;
}

void BlockRun::release_barrier() {
  const std::uint32_t counted = barrier_.counted;
  switch (barrier_.op) {
    case BlockOp::kSync: barrier_.answer = 0; break;
    case BlockOp::kCount: barrier_.answer = static_cast<int>(counted); break;
    case BlockOp::kAnd: barrier_.answer = counted == count_ ? 1 : 0; break;
    case BlockOp::kOr: barrier_.answer = counted != 0 ? 1 : 0; break;
  }
  barrier_.arrived = 0;
  for (std::uint32_t t = 0; t < count_; ++t) {
    make_ready(order_ == Order::kDescending ? count_ - 1 - t : t, State::kAtBarrier);
  }
}

std::uint64_t BlockRun::exchange(const WarpCall& call) {
  const std::uint32_t thread = running_;
  const std::uint32_t lane = thread % kWarp;
  WarpGroups& warp = warps_[thread / kWarp];
  if (((call.mask >> lane) & 1U) == 0) {
    note({cudaErrorLaunchFailure, fmt::format("calls the warp operation {}:{} with mask {:#010x}, "
                                              "which does not have its own lane {}",
                                              call.where.file, call.where.line, call.mask, lane)});
    stop();
  }
  if (call.width <= 0 || call.width > 32 || (call.width & (call.width - 1)) != 0) {
    note({cudaErrorLaunchFailure, fmt::format("calls the shuffle {}:{} with width {}",
                                              call.where.file, call.where.line, call.width)});
    stop();
  }
  const std::uint32_t lanes = warp.call(lane, call);
  if (lanes == 0) {
    wait_as(State::kInWarp);
  } else {
    release_warp(thread / kWarp, lanes);
    may_switch();
  }
  if (const std::string& complaint = warp.complaint(lane); !complaint.empty()) {
    note({cudaErrorLaunchFailure,
          fmt::format("{} at {}:{}", complaint, call.where.file, call.where.line)});
    stop();
  }
  return warp.answer(lane);
}

void BlockRun::release_warp(std::uint32_t warp, std::uint32_t lanes) {
  for (std::uint32_t i = 0; i < kWarp && lanes != 0; ++i) {
    const std::uint32_t lane = order_ == Order::kDescending ? kWarp - 1 - i : i;
    if (((lanes >> lane) & 1U) != 0) make_ready(warp * kWarp + lane, State::kInWarp);
  }
}

void BlockRun::may_switch() {
  if (order_ != Order::kRandom || dice_.below(kSwitchOneIn) != 0) return;
  const std::uint32_t thread = running_;
  state_[thread] = State::kNew;  // not waiting for anything
  make_ready(thread, State::kNew);
  wait_as(State::kReady);
}

void BlockRun::note(const Fault& fault) {
  fault_ = Fault{fault.code, place(running_) + ": " + fault.text};
}

void BlockRun::stop() {
  for (;;) fiber_of_[running_]->suspend();
}

std::string BlockRun::place(std::uint32_t thread) const {
  return fmt::format("kernel {} block {} thread {}", launch_.name, point(block_),
                     point(index_of_[thread]));
}

Fault BlockRun::who_waits() const {
  std::uint32_t first = 0;
  while (state_[first] == State::kEnded) ++first;
  std::string text = place(first) + ": waits for ever: ";
  if (barrier_.arrived != 0) {
    text += fmt::format("{} of {} threads wait at the barrier {}:{}; ", barrier_.arrived, count_,
                        barrier_.where.file, barrier_.where.line);
  }
  for (std::uint32_t w = 0; w < warps_.size(); ++w) {
    if (warps_[w].waiting()) text += fmt::format("warp {}: {}", w, warps_[w].who_waits());
  }
  text += fmt::format("{} threads have ended", ended_);
  return {cudaErrorLaunchFailure, text};
}

void BlockRun::clear_fibers() {
  for (Fiber*& fiber : fiber_of_) {
    if (fiber == nullptr) continue;
    fiber->give_up();
    pool_.put_back(fiber);
    fiber = nullptr;
  }
}

int barrier(BlockOp op, int predicate, Where where) {
  return current_run()->barrier(op, predicate, where);
}

std::uint64_t exchange(WarpOp op, std::uint32_t mask, std::uint64_t value, int operand, int width,
                       Where where) {
  return current_run()->exchange({op, mask, value, operand, width, where});
}

std::uint32_t lane_bit() { return 1U << (current_run()->running() % kWarp); }

void may_switch() { current_run()->may_switch(); }

void trap(Where where) {
  current_run()->note(
      {cudaErrorLaunchFailure, fmt::format("trap at {}:{}", where.file, where.line)});
  current_run()->stop();
}

}  // namespace cuda_emulation
