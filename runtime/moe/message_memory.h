// runtime/moe/message_memory.h -- memory for messages, where the transport wants their rows: heads
// and rows in one piece of wire memory, or heads in wire memory and rows in device memory.
// Not the format (wire.h) and not the order of the messages in it, which its owner knows. All rows
// are part of one matrix, so that ops reach those of every message by number.
// Thread safety: shared objects: unsafe.
#pragma once

#include "comm/row_loan.h"
#include "comm/transport.h"
#include "kernels/device.h"
#include "runtime/moe/wire.h"

namespace switchyard::moe {

// The two parts of one message.
struct MessageParts {
  MutableBytes head;
  MutableBytes rows;
};

class MessageMemory {
 public:
  MessageMemory() = default;
  // `room`: the parts of all messages together; `stride_bytes`: of a row. Errors: kLimit.
  [[nodiscard]] static Result<MessageMemory> create(kernels::Device& device, comm::RowPlace place,
                                                    MessageBytes room, std::size_t stride_bytes);
  // For messages that leave: their rows lie where the transport likes to take them from.
  [[nodiscard]] static Result<MessageMemory> create_to_send(kernels::Device& device,
                                                            comm::Transport& transport,
                                                            MessageBytes room,
                                                            std::size_t stride_bytes);

  // Holds none: never made, or moved from.
  [[nodiscard]] bool empty() const noexcept { return heads_.bytes() == 0; }
  // The message behind those that take `before`. Aborts where it does not fit.
  [[nodiscard]] MessageParts message(MessageBytes before, MessageBytes size);
  // Whether an arrival fits into `room`, and where it goes: behind its head the rows are part of
  // it.
  [[nodiscard]] bool fits(const comm::Arrival& arrival, MessageBytes room) const noexcept;
  [[nodiscard]] MessageParts incoming(MessageBytes before, const comm::Arrival& arrival) {
    return message(before, {arrival.bytes, arrival.row_bytes});
  }

  // The matrix of all rows: its first byte, its number of rows, and the number of the first row of
  // the message behind `before` whose head takes `head_bytes`.
  [[nodiscard]] std::byte* matrix() noexcept { return apart() ? rows_.data() : heads_.data(); }
  [[nodiscard]] const std::byte* matrix() const noexcept {
    return apart() ? rows_.data() : heads_.data();
  }
  [[nodiscard]] std::size_t matrix_rows() const noexcept {
    return (apart() ? rows_.size() : heads_.bytes()) / stride_bytes_;
  }
  [[nodiscard]] std::size_t first_row(MessageBytes before, std::size_t head_bytes) const noexcept {
    return (apart() ? before.rows : before.sum() + head_bytes) / stride_bytes_;
  }

 private:
  MessageMemory(comm::RowPlace place, std::size_t stride_bytes) noexcept
      : place_(place), stride_bytes_(stride_bytes) {}
  // Where the rows are apart: lent ones, or of the device where nothing was lent.
  [[nodiscard]] Result<void> make_rows(kernels::Device& device, std::size_t bytes);
  [[nodiscard]] bool apart() const noexcept { return place_ == comm::RowPlace::kApart; }

  comm::RowPlace place_ = comm::RowPlace::kBehindHead;
  std::size_t stride_bytes_ = 1;
  HostBuffer heads_;  // and rows, where they are not apart
  comm::RowLoan lent_;
  kernels::DeviceMemory own_;
  MutableBytes rows_;  // one of these
};

}  // namespace switchyard::moe
