// kernels/thread_pool.h -- a fixed set of threads that share the items of one loop at a time.
// The caller takes part. Each participant starts with its own contiguous run of items (so that it
// streams memory) and, when done, steals single items from the end of the others' runs. A worker
// that wakes late finds the job closed and is not waited for, so more threads than cores are fine.
// Idle workers spin for some tens of microseconds, then sleep. No allocation per loop.
// Thread safety: loops are started from one thread at a time; bodies run on several.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace switchyard::kernels {

// One item of a loop. `next` is the item this participant will probably get next (for prefetching),
// or kNoItem.
inline constexpr std::size_t kNoItem = ~std::size_t{0};
struct LoopItem {
  std::size_t index = 0;
  std::size_t next = kNoItem;
  std::size_t participant = 0;  // 0 is the caller; below ThreadPool::size()
};

class ThreadPool {
 public:
  // `threads` participants in all, the caller included; at least 1.
  explicit ThreadPool(std::size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return workers_.size() + 1; }

  // Runs body(LoopItem) once for every index in [0, count); returns when all are done and their
  // effects are visible. count < 2^31. Not reentrant: a body may not start another loop.
  template <class Body>
  void parallel_for(std::size_t count, const Body& body) {
    static_assert(std::is_invocable_v<const Body&, const LoopItem&>);
    if (count <= 1 || workers_.empty()) {
      run_inline(count, body);
      return;
    }
    run(count, &body, [](const void* context, const LoopItem& item) {
      (*static_cast<const Body*>(context))(item);
    });
  }

  // The same loop on the calling thread alone.
  template <class Body>
  static void run_inline(std::size_t count, const Body& body) {
    for (std::size_t i = 0; i < count; ++i) {
      body(LoopItem{i, i + 1 < count ? i + 1 : kNoItem, 0});
    }
  }

 private:
  using Call = void (*)(const void* context, const LoopItem& item);
  // Items left to one participant: begin in the low half, end in the high half.
  struct alignas(64) Range {
    std::atomic<std::uint64_t> bounds{0};
  };

  void run(std::size_t count, const void* context, Call call);
  void publish(std::size_t count, const void* context, Call call);
  void close_and_wait();
  void work(std::size_t participant);
  bool steal(std::size_t participant, LoopItem& item);
  void worker_main(std::size_t participant);
  [[nodiscard]] bool enter(std::uint32_t seen);
  void leave();

  // Constant after construction.
  std::unique_ptr<Range[]> ranges_;
  std::vector<std::thread> workers_;
  // Written by the caller while no worker is inside; read by workers that entered.
  const void* context_ = nullptr;
  Call call_ = nullptr;
  // Own synchronisation: job number (16 bits), closed flag, workers inside (15 bits).
  alignas(64) std::atomic<std::uint32_t> state_;
  std::atomic<bool> stopping_{false};
};

}  // namespace switchyard::kernels
