// runtime/moe/loss_notice.h -- tells the transport of losses as soon as the controller's word is
// there. The engine's thread may be in the midst of a message whose sender has died: it takes no
// word then, and would wait for the whole of TransportLimits::receive_wait_max.
// Not how a view is followed (DataPlane::adopt), which says the same again, and more.
// Thread safety: one thread, be it another than the transport's.
#pragma once

#include <memory>

#include "comm/transport.h"
#include "runtime/placement/view.h"

namespace switchyard::moe {

class LossNotice {
 public:
  explicit LossNotice(comm::Transport& transport) : transport_(transport) {}

  // The next view has come for this rank, and the engine does not know yet: members of the one
  // before that are none now, or another process, are lost.
  void see(std::shared_ptr<const placement::View> next);

 private:
  comm::Transport& transport_;
  std::shared_ptr<const placement::View> last_;
};

}  // namespace switchyard::moe
