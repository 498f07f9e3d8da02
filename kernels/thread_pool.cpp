#include "kernels/thread_pool.h"

#include <immintrin.h>

#include <chrono>

#include "runtime/base/check.h"

namespace switchyard::kernels {
namespace {

constexpr std::uint32_t kInsideMask = 0x7FFFU;
constexpr std::uint32_t kClosed = 0x8000U;
constexpr std::uint32_t kJobShift = 16;
// Longer than the serial work between two loops of a layer, short beside a time slice.
constexpr auto kSpin = std::chrono::microseconds(50);

constexpr std::uint32_t job_of(std::uint32_t state) noexcept { return state >> kJobShift; }
constexpr std::uint32_t inside(std::uint32_t state) noexcept { return state & kInsideMask; }
constexpr bool closed(std::uint32_t state) noexcept { return (state & kClosed) != 0; }

constexpr std::uint64_t pack(std::uint64_t begin, std::uint64_t end) noexcept {
  return begin | (end << 32);
}
constexpr std::uint64_t begin_of(std::uint64_t bounds) noexcept { return bounds & 0xFFFFFFFFU; }
constexpr std::uint64_t end_of(std::uint64_t bounds) noexcept { return bounds >> 32; }

// Spins until `done(state)`; false when the spin time passed first.
template <class Done>
bool spin_until(const std::atomic<std::uint32_t>& state, const Done& done) {
  constexpr int kPausesPerLook = 32;
  const auto give_up = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (done(state.load(std::memory_order_acquire))) return true;
      _mm_pause();
    }
  } while (std::chrono::steady_clock::now() < give_up);
  return false;
}

}  // namespace

ThreadPool::ThreadPool(std::size_t threads) : state_(kClosed) {
  SY_CHECK(threads >= 1 && threads < kInsideMask, "{} threads", threads);
  ranges_ = std::make_unique<Range[]>(threads);
  workers_.reserve(threads - 1);
  for (std::size_t i = 1; i < threads; ++i) {
    workers_.emplace_back([this, i] { worker_main(i); });
  }
}

ThreadPool::~ThreadPool() {
  stopping_.store(true, std::memory_order_release);
  state_.fetch_add(1U << kJobShift, std::memory_order_acq_rel);
  state_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run(std::size_t count, const void* context, Call call) {
  publish(count, context, call);
  work(0);
  close_and_wait();
}

void ThreadPool::publish(std::size_t count, const void* context, Call call) {
  SY_CHECK(count < (std::size_t{1} << 31), "{} items", count);
  context_ = context;
  call_ = call;
  const std::size_t threads = size();
  for (std::size_t i = 0; i < threads; ++i) {
    const std::uint64_t begin = count * i / threads;
    const std::uint64_t end = count * (i + 1) / threads;
    ranges_[i].bounds.store(pack(begin, end), std::memory_order_relaxed);
  }
  const std::uint32_t job = job_of(state_.load(std::memory_order_relaxed)) + 1;
  state_.store(job << kJobShift, std::memory_order_seq_cst);
  state_.notify_all();
}

void ThreadPool::close_and_wait() {
  std::uint32_t state = state_.fetch_or(kClosed, std::memory_order_acq_rel) | kClosed;
  if (inside(state) == 0) return;
  if (spin_until(state_, [](std::uint32_t now) { return inside(now) == 0; })) return;
  state = state_.load(std::memory_order_acquire);
  while (inside(state) != 0) {
    state_.wait(state, std::memory_order_acquire);
    state = state_.load(std::memory_order_acquire);
  }
}

void ThreadPool::work(std::size_t participant) {
  auto& own = ranges_[participant].bounds;
  std::uint64_t bounds = own.load(std::memory_order_relaxed);
  while (begin_of(bounds) < end_of(bounds)) {
    const std::uint64_t index = begin_of(bounds);
    if (!own.compare_exchange_weak(bounds, pack(index + 1, end_of(bounds)),
                                   std::memory_order_relaxed)) {
      continue;
    }
    const std::size_t next = index + 1 < end_of(bounds) ? index + 1 : kNoItem;
    call_(context_, LoopItem{index, next, participant});
    bounds = own.load(std::memory_order_relaxed);
  }
  for (LoopItem item; steal(participant, item);) call_(context_, item);
}

// Takes one item from the end of another run, nearest neighbour first.
bool ThreadPool::steal(std::size_t participant, LoopItem& item) {
  const std::size_t threads = size();
  for (std::size_t step = 1; step < threads; ++step) {
    auto& victim = ranges_[(participant + step) % threads].bounds;
    std::uint64_t bounds = victim.load(std::memory_order_relaxed);
    while (begin_of(bounds) < end_of(bounds)) {
      const std::uint64_t index = end_of(bounds) - 1;
      if (victim.compare_exchange_weak(bounds, pack(begin_of(bounds), index),
                                       std::memory_order_relaxed)) {
        item = LoopItem{index, kNoItem, participant};
        return true;
      }
    }
  }
  return false;
}

// Counts this worker in, unless job `seen` has been closed or replaced.
bool ThreadPool::enter(std::uint32_t seen) {
  std::uint32_t state = state_.load(std::memory_order_acquire);
  while (!closed(state) && job_of(state) == seen) {
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) return true;
  }
  return false;
}

void ThreadPool::leave() {
  const std::uint32_t state = state_.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if (closed(state) && inside(state) == 0) state_.notify_all();
}

void ThreadPool::worker_main(std::size_t participant) {
  std::uint32_t seen = 0;
  while (true) {
    const auto is_new = [seen](std::uint32_t state) { return job_of(state) != seen; };
    if (!spin_until(state_, is_new)) {
      std::uint32_t state = state_.load(std::memory_order_acquire);
      while (!is_new(state)) {
        state_.wait(state, std::memory_order_acquire);
        state = state_.load(std::memory_order_acquire);
      }
    }
    if (stopping_.load(std::memory_order_acquire)) return;
    seen = job_of(state_.load(std::memory_order_acquire));
    if (enter(seen)) {
      work(participant);
      leave();
    }
  }
}

}  // namespace switchyard::kernels
