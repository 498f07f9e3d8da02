#include "comm/nccl/row_memory.h"

namespace switchyard::comm::nccl {
namespace {

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
  // Not cleared: the lanes' streams are ordered with none of ours, and a late memset would wipe out
  // what has arrived.
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
