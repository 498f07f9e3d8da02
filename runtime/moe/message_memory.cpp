#include "runtime/moe/message_memory.h"

#include "runtime/base/check.h"

namespace switchyard::moe {

Result<MessageMemory> MessageMemory::create(kernels::Device& device, comm::RowPlace place,
                                            MessageBytes room, std::size_t stride_bytes) {
  MessageMemory memory(place, stride_bytes);
  SY_ASSIGN(memory.heads_, device.allocate_wire(memory.apart() ? room.head : room.sum()));
  if (memory.apart()) SY_TRY(memory.make_rows(device, room.rows));
  return memory;
}

Result<MessageMemory> MessageMemory::create_to_send(kernels::Device& device,
                                                    comm::Transport& transport, MessageBytes room,
                                                    std::size_t stride_bytes) {
  MessageMemory memory(transport.row_place(), stride_bytes);
  SY_ASSIGN(memory.heads_, device.allocate_wire(memory.apart() ? room.head : room.sum()));
  if (!memory.apart()) return memory;
  memory.lent_ = comm::RowLoan(transport, room.rows);
  memory.rows_ = memory.lent_.rows();
  if (memory.rows_.empty()) SY_TRY(memory.make_rows(device, room.rows));
  return memory;
}

Result<void> MessageMemory::make_rows(kernels::Device& device, std::size_t bytes) {
  SY_ASSIGN(own_, device.allocate(bytes));
  rows_ = {own_.data(), own_.bytes()};
  // Clearing it is an op like any other, and the transport does not wait for those: late, it
  // would wipe out what has arrived.
  return device.synchronize();
}

MessageParts MessageMemory::message(MessageBytes before, MessageBytes size) {
  const std::size_t at = apart() ? before.head : before.sum();
  const std::size_t end = at + (apart() ? size.head : size.sum());
  SY_CHECK(end <= heads_.bytes(), "a message that ends at byte {} of {}", end, heads_.bytes());
  if (!apart()) {
    return {heads_.span().subspan(at, size.head), heads_.span().subspan(at + size.head, size.rows)};
  }
  SY_CHECK(before.rows + size.rows <= rows_.size(), "rows that end at byte {} of {}",
           before.rows + size.rows, rows_.size());
  return {heads_.span().subspan(at, size.head), {rows_.data() + before.rows, size.rows}};
}

bool MessageMemory::fits(const comm::Arrival& arrival, MessageBytes room) const noexcept {
  if (!apart()) return arrival.row_bytes == 0 && arrival.bytes <= room.sum();
  return arrival.bytes <= room.head && arrival.row_bytes <= room.rows;
}

}  // namespace switchyard::moe
