#include "runtime/model/bpe/merge_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <queue>

#include "runtime/base/check.h"

namespace switchyard::model::bpe {
namespace {

// Up to here a scan of an array beats a queue; English words have about 5 bytes.
constexpr std::size_t kScanMax = 32;
constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

constexpr std::uint64_t key_of(TokenPair pair) noexcept {
  return (std::uint64_t{pair.left} << 32) | pair.right;
}

// A place of the text in the list of tokens that are left.
struct Link {
  std::uint32_t id = 0;
  std::uint32_t previous = kNone;
  std::uint32_t next = kNone;
};

// A pair that could merge when it was seen; stale once either token has changed.
struct Candidate {
  std::uint32_t rank = 0;
  std::uint32_t place = 0;
  TokenPair pair;
  // std::priority_queue gives the largest first: larger = lower rank, then further left.
  bool operator<(const Candidate& other) const noexcept {
    return rank != other.rank ? rank > other.rank : place > other.place;
  }
};

}  // namespace

MergeTable::MergeTable(std::size_t count)
    : cells_(std::bit_ceil(std::max<std::size_t>(2 * count, 2))),
      shift_(64 - std::countr_zero(cells_.size())) {}

std::size_t MergeTable::cell_of(std::uint64_t key) const noexcept {
  // Fibonacci hashing (Knuth, TAOCP 6.4): the top bits of key * 2^64/phi; the fold brings the
  // left id's entropy next to the right's.
  std::size_t cell = ((key ^ (key >> 29)) * 0x9E3779B97F4A7C15ULL) >> shift_;
  while (cells_[cell].key != kEmpty && cells_[cell].key != key) {
    cell = (cell + 1) & (cells_.size() - 1);
  }
  return cell;
}

void MergeTable::add(TokenPair pair, Merge merge) {
  const std::uint64_t key = key_of(pair);
  SY_CHECK(key != kEmpty);
  cells_[cell_of(key)] = {key, merge};
}

const Merge* MergeTable::find(TokenPair pair) const noexcept {
  const Cell& cell = cells_[cell_of(key_of(pair))];
  return cell.key == kEmpty ? nullptr : &cell.merge;
}

void MergeTable::apply(std::vector<std::uint32_t>& ids) const {
  if (ids.size() < 2) return;
  if (ids.size() <= kScanMax) return apply_by_scan(ids);
  apply_by_queue(ids);
}

void MergeTable::apply_by_scan(std::vector<std::uint32_t>& ids) const {
  std::array<Merge, kScanMax> merges;  // merges[i]: of ids[i] and ids[i + 1]
  std::size_t count = ids.size();
  const auto look_up = [&](std::size_t i) {
    const Merge* merge = find({ids[i], ids[i + 1]});
    merges[i] = merge != nullptr ? *merge : Merge{kNoRank, 0};
  };
  for (std::size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == kNoRank) break;
    ids[best] = merges[best].id;
    for (std::size_t i = best + 1; i + 1 < count; ++i) {
      ids[i] = ids[i + 1];
      merges[i] = merges[i + 1];
    }
    --count;
    if (best > 0) look_up(best - 1);
    if (best + 1 < count) look_up(best);
  }
  ids.resize(count);
}

void MergeTable::apply_by_queue(std::vector<std::uint32_t>& ids) const {
  SY_CHECK(ids.size() < kNone, "{} tokens in one piece", ids.size());
  const auto count = static_cast<std::uint32_t>(ids.size());
  std::vector<Link> links(count);
  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::uint32_t place) {
    const std::uint32_t next = links[place].next;
    if (next == kNone) return;
    const TokenPair pair{links[place].id, links[next].id};
    if (const Merge* merge = find(pair)) queue.push({merge->rank, place, pair});
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    links[i] = {ids[i], i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1};
  }
  for (std::uint32_t i = 0; i < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Link& left = links[best.place];
    // A place that was merged away has the id kNone, which no pair holds.
    if (left.id != best.pair.left || left.next == kNone) continue;
    Link& right = links[left.next];
    if (right.id != best.pair.right) continue;
    left.id = find(best.pair)->id;
    right.id = kNone;
    left.next = right.next;
    if (left.next != kNone) links[left.next].previous = best.place;
    if (left.previous != kNone) offer(left.previous);
    offer(best.place);
  }
  ids.clear();
  for (std::uint32_t place = 0; place != kNone; place = links[place].next) {
    ids.push_back(links[place].id);
  }
}

}  // namespace switchyard::model::bpe
