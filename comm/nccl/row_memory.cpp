#include "comm/nccl/row_memory.h"

#include <chrono>

#include "runtime/base/clock.h"

namespace switchyard::comm::nccl {
namespace {

constexpr Duration kClearDeadline = std::chrono::seconds(30);

Result<void*> make_registrable(std::size_t bytes, NcclRegister wish) {
  if (wish == NcclRegister::kNever) return fail(ErrorCode::kUnsupported, "switched off");
  SY_TRY(can_register());
  return allocate_registrable(bytes);
}

Result<void*> make_plain(std::size_t bytes) {
  void* data = nullptr;
  SY_TRY(check_cuda(cudaMalloc(&data, bytes),
                    fmt::format("{} bytes of device memory for rows on their way", bytes)));
  return data;
}

// The lanes' streams are ordered with none of ours: late, clearing would wipe out what has arrived.
// Not by a wait for the whole device, on which other ranks' lanes may be waiting for us.
Result<void> wait_until_cleared() {
  SY_ASSIGN(const auto cleared, make_event());
  SY_TRY(check_cuda(cudaEventRecord(cleared.get(), nullptr), "recording an event"));
  const SteadyClock clock;
  const Deadline deadline = Deadline::after(clock, kClearDeadline);
  while (true) {
    SY_ASSIGN(const bool done, happened(cleared));
    if (done) return {};
    if (deadline.passed(clock)) {
      return fail(ErrorCode::kDeadline, ErrorScope::kDevice,
                  "nccl: the GPU did not clear memory for rows in time");
    }
  }
}

}  // namespace

Result<RowMemory> RowMemory::make(std::size_t bytes, NcclRegister wish) {
  RowMemory memory;
  auto made = make_registrable(bytes, wish);
  if (!made) {
    memory.why_plain_ = std::move(made).error();
    made = make_plain(bytes);
    if (!made) return Unexpected(std::move(made).error());
  }
  memory.data_ = static_cast<std::byte*>(*made);
  memory.bytes_ = bytes;
  SY_TRY(check_cuda(cudaMemset(memory.data_, 0, bytes), "clearing memory for rows"));
  SY_TRY(wait_until_cleared());
  return memory;
}

RowMemory::~RowMemory() {
  if (data_ == nullptr) return;
  if (why_plain_) {
    (void)cudaFree(data_);
  } else {
    free_registrable(data_);
  }
}

}  // namespace switchyard::comm::nccl
