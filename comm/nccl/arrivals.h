// comm/nccl/arrivals.h -- brings rows from staging memory to their place, within the GPU: in the
// order of the device's queue, or at once where there is none.
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <vector>

#include "comm/nccl/cuda_handles.h"
#include "comm/nccl/staging.h"
#include "runtime/base/clock.h"
#include "runtime/base/device_queue.h"

namespace switchyard::comm::nccl {

class Arrivals {
 public:
  [[nodiscard]] Result<void> open();
  void follow(DeviceQueue queue) noexcept { queue_ = queue; }

  // `from` and `to` of equal length. With a queue: the copy is put into it. Without: it is done.
  // Errors: scope kDevice.
  [[nodiscard]] Result<void> copy(Bytes from, MutableBytes to);
  // The same for what lies in `block`, which goes back to the staging memory after the copy.
  [[nodiscard]] Result<void> move(Staging::Block block, MutableBytes to, Staging& staging);

  // Gives back what has been copied by now. Blocks: no.
  [[nodiscard]] Result<void> collect(Staging& staging);
  [[nodiscard]] bool busy() const noexcept { return !copying_.empty(); }
  // Until nothing is being copied any more (true), or the deadline.
  [[nodiscard]] bool settle(Staging& staging, Deadline deadline) noexcept;

 private:
  struct Copying {
    Staging::Block block;
    Event over;
  };
  [[nodiscard]] Result<void> wait_for_copy(std::size_t bytes);

  DeviceQueue queue_;
  Stream copies_;                 // without a queue
  Event copied_;                  // likewise
  std::vector<Copying> copying_;  // in the queue, oldest first
  std::vector<Event> events_;     // free
};

}  // namespace switchyard::comm::nccl
