#include "comm/nccl/staging.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::comm::nccl {
namespace {

constexpr std::size_t kUnitBytes = 256;  // as cudaMalloc aligns

std::size_t round_up(std::size_t bytes) {
  return (bytes + kUnitBytes - 1) / kUnitBytes * kUnitBytes;
}

}  // namespace

Result<void> Staging::reserve(std::size_t bytes) {
  bytes = round_up(bytes);
  const std::size_t had = memory_.span().size();
  if (bytes <= had) return {};
  SY_CHECK(had == 0 || (free_.size() == 1 && free_.front().bytes == had),
           "more staging memory while rows are in it");
  free_.clear();
  { const RowMemory smaller = std::exchange(memory_, RowMemory()); }
  SY_ASSIGN(memory_, RowMemory::make(bytes, wish_));
  free_.push_back({memory_.span().data(), bytes});
  return {};
}

// First fit: the first free piece that is long enough.
std::optional<Staging::Block> Staging::take(std::size_t bytes) {
  bytes = round_up(bytes);
  const auto at = std::ranges::find_if(free_, [bytes](const Block& b) { return b.bytes >= bytes; });
  if (at == free_.end()) return std::nullopt;
  const Block taken{at->data, bytes};
  at->data += bytes;
  at->bytes -= bytes;
  if (at->bytes == 0) free_.erase(at);
  return taken;
}

void Staging::give_back(Block block) {
  if (block.bytes == 0) return;
  auto at = std::ranges::lower_bound(free_, block.data, {}, &Block::data);
  if (at != free_.end() && block.data + block.bytes == at->data) {
    at->data = block.data;
    at->bytes += block.bytes;
  } else {
    at = free_.insert(at, block);
  }
  if (at == free_.begin()) return;
  const auto before = std::prev(at);
  if (before->data + before->bytes != at->data) return;
  before->bytes += at->bytes;
  free_.erase(at);
}

}  // namespace switchyard::comm::nccl
