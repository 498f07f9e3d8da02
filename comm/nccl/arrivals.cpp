#include "comm/nccl/arrivals.h"

#include <thread>

namespace switchyard::comm::nccl {
namespace {

// A copy within the GPU: microseconds, behind at most a step's kernels.
constexpr Duration kCopyDeadline = std::chrono::seconds(30);

}  // namespace

Result<void> Arrivals::open() {
  SY_ASSIGN(copies_, make_stream());
  SY_ASSIGN(copied_, make_event());
  return {};
}

Result<void> Arrivals::copy(Bytes from, MutableBytes to) {
  if (to.empty()) return {};
  const auto stream = queue_ ? static_cast<cudaStream_t>(queue_.handle) : copies_.get();
  SY_TRY(check_cuda(
      cudaMemcpyAsync(to.data(), from.data(), to.size(), cudaMemcpyDeviceToDevice, stream),
      "copying rows to their place"));
  return queue_ ? Result<void>{} : wait_for_copy(to.size());
}

Result<void> Arrivals::wait_for_copy(std::size_t bytes) {
  SY_TRY(check_cuda(cudaEventRecord(copied_.get(), copies_.get()), "recording an event"));
  const SteadyClock clock;
  const Deadline deadline = Deadline::after(clock, kCopyDeadline);
  while (true) {
    SY_ASSIGN(const bool done, happened(copied_));
    if (done) return {};
    if (deadline.passed(clock)) {
      return fail(ErrorCode::kDeadline, ErrorScope::kDevice,
                  "nccl: the GPU did not copy {} bytes of rows within {:.0f} s", bytes,
                  to_seconds(kCopyDeadline));
    }
  }
}

Result<void> Arrivals::move(Staging::Block block, MutableBytes to, Staging& staging) {
  SY_TRY(copy({block.data, to.size()}, to));
  if (!queue_ || to.empty()) {
    staging.give_back(block);
    return {};
  }
  if (events_.empty()) {
    SY_ASSIGN(auto event, make_event());
    events_.push_back(std::move(event));
  }
  copying_.push_back({block, std::move(events_.back())});
  events_.pop_back();
  return check_cuda(
      cudaEventRecord(copying_.back().over.get(), static_cast<cudaStream_t>(queue_.handle)),
      "recording an event");
}

Result<void> Arrivals::collect(Staging& staging) {
  std::size_t over = 0;
  for (; over < copying_.size(); ++over) {
    SY_ASSIGN(const bool done, happened(copying_[over].over));
    if (!done) break;
    staging.give_back(copying_[over].block);
    events_.push_back(std::move(copying_[over].over));
  }
  copying_.erase(copying_.begin(), copying_.begin() + static_cast<std::ptrdiff_t>(over));
  return {};
}

bool Arrivals::settle(Staging& staging, Deadline deadline) noexcept {
  const SteadyClock clock;
  while (busy() && collect(staging).has_value() && !deadline.passed(clock)) {
    std::this_thread::yield();
  }
  return !busy();
}

}  // namespace switchyard::comm::nccl
