// comm/nccl/send_rows.h -- the memory that this rank's rows are gathered into before they leave, as
// far as its owner asks for it before the first rows move: NCCL reads it where it lies.
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <vector>

#include "comm/nccl/row_memory.h"

namespace switchyard::comm::nccl {

class SendRows {
 public:
  explicit SendRows(NcclRegister wish) : wish_(wish) {}

  // A piece that is free and long enough, or a new one while there may be new ones; empty where
  // there is none, which is no error: any device memory can be sent from.
  [[nodiscard]] MutableBytes lend(std::size_t bytes);
  void take_back(MutableBytes rows) noexcept;
  // From now on nothing is made: rows move.
  void close() noexcept { closed_ = true; }

  // All pieces, for a communicator that registers them.
  [[nodiscard]] const std::vector<MutableBytes>& pieces() const noexcept { return pieces_; }
  [[nodiscard]] bool holds(Bytes rows) const noexcept;
  // Why nothing is lent; empty where nothing was asked for or all is well.
  [[nodiscard]] const std::optional<Error>& why_plain() const noexcept { return why_plain_; }
  void leave_behind() noexcept;

 private:
  NcclRegister wish_;
  bool closed_ = false;
  std::vector<RowMemory> memory_;
  std::vector<MutableBytes> pieces_;  // of memory_
  std::vector<bool> lent_;            // [pieces]
  std::optional<Error> why_plain_;
};

}  // namespace switchyard::comm::nccl
