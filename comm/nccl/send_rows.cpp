#include "comm/nccl/send_rows.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::comm::nccl {

MutableBytes SendRows::lend(std::size_t bytes) {
  if (bytes == 0) return {};
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    if (lent_[i] || pieces_[i].size() < bytes) continue;
    lent_[i] = true;
    return pieces_[i].first(bytes);
  }
  if (closed_ || why_plain_) return {};
  auto made = RowMemory::make(bytes, wish_);
  if (!made) {
    why_plain_ = std::move(made).error();
    return {};
  }
  if (made->why_plain()) {
    why_plain_ = made->why_plain();
    return {};
  }
  pieces_.push_back(made->span());
  memory_.push_back(std::move(made).value());
  lent_.push_back(true);
  return pieces_.back();
}

void SendRows::take_back(MutableBytes rows) noexcept {
  const auto at = std::ranges::find(pieces_, rows.data(), &MutableBytes::data);
  SY_CHECK(at != pieces_.end(), "rows that were not lent");
  lent_[static_cast<std::size_t>(at - pieces_.begin())] = false;
}

bool SendRows::holds(Bytes rows) const noexcept {
  return std::ranges::any_of(pieces_, [&](const MutableBytes& piece) {
    return rows.data() >= piece.data() && rows.data() + rows.size() <= piece.data() + piece.size();
  });
}

void SendRows::leave_behind() noexcept {
  for (RowMemory& each : memory_) each.leave_behind();
}

}  // namespace switchyard::comm::nccl
