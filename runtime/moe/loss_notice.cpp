#include "runtime/moe/loss_notice.h"

#include <utility>

namespace switchyard::moe {

void LossNotice::see(std::shared_ptr<const placement::View> next) {
  if (last_ != nullptr && next->epoch <= last_->epoch) return;  // said again
  const auto last = std::exchange(last_, std::move(next));
  if (last == nullptr) return;
  for (const auto& before : last->members) {
    if (before.rank == transport_.rank()) continue;
    const auto* now = last_->find(before.rank);
    if (now != nullptr && now->address == before.address) continue;
    transport_.set_lost(before.rank, comm::Transport::Lost::kYes);
  }
}

}  // namespace switchyard::moe
