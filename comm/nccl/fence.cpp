#include "comm/nccl/fence.h"

namespace switchyard::comm::nccl {

void Fence::raise(std::uint64_t generation, std::vector<RankId> receivers, TimePoint until) {
  generation_ = generation;
  until_ = until;
  awaited_.clear();
  for (const RankId rank : receivers) awaited_.push_back({rank, false});
}

void Fence::take_fenced(RankId from, const LinkWord& word) {
  if (word.generation == generation_) forget(from);
}

void Fence::forget(RankId rank) {
  std::erase_if(awaited_, [rank](const Awaited& each) { return each.rank == rank; });
}

bool Fence::passed(TimePoint now) {
  std::erase_if(awaited_, [this](const Awaited& each) { return is_lost_(each.rank); });
  LinkWord word;
  word.kind = WordKind::kFence;
  word.generation = generation_;
  for (Awaited& each : awaited_) {
    if (!each.told) each.told = post_.send(each.rank, word).has_value();
  }
  return awaited_.empty() || now >= until_;
}

}  // namespace switchyard::comm::nccl
