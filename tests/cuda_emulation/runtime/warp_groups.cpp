#include "tests/cuda_emulation/runtime/warp_groups.h"

#include <fmt/format.h>

#include <algorithm>

namespace cuda_emulation {
namespace {

constexpr bool is_in(std::uint32_t lane, std::uint32_t mask) { return ((mask >> lane) & 1U) != 0; }

bool is_shuffle(WarpOp op) {
  return op == WarpOp::kIndex || op == WarpOp::kUp || op == WarpOp::kDown || op == WarpOp::kXor;
}

// The lane that `lane` reads, itself when the source lies outside its segment.
std::uint32_t source_lane(const WarpCall& call, std::uint32_t lane) {
  const auto width = static_cast<std::uint32_t>(call.width);
  const std::uint32_t first = lane & ~(width - 1);
  const std::uint32_t last = first + width - 1;
  const auto operand = static_cast<std::uint32_t>(call.operand);
  switch (call.op) {
    case WarpOp::kIndex: return first | (operand & (width - 1));
    case WarpOp::kUp: return operand > lane - first ? lane : lane - operand;
    case WarpOp::kDown: return operand > last - lane ? lane : lane + operand;
    default: return (lane ^ operand) > last ? lane : lane ^ operand;
  }
}

}  // namespace

void WarpGroups::reset(std::uint32_t lanes) {
  alive_ = lanes;
  groups_.clear();
}

std::uint32_t WarpGroups::call(std::uint32_t lane, const WarpCall& call) {
  auto at = std::ranges::find_if(groups_, [&](const Group& group) {
    return group.mask == call.mask && group.op == call.op && !is_in(lane, group.arrived) &&
           group.where.line == call.where.line;
  });
  if (at == groups_.end()) {
    groups_.emplace_back();
    at = groups_.end() - 1;
    at->op = call.op;
    at->mask = call.mask;
    at->where = call.where;
  }
  at->arrived |= 1U << lane;
  calls_[lane] = call;
  if (!whole(*at)) return 0;
  const std::uint32_t lanes = at->arrived;
  finish(*at);
  groups_.erase(at);
  return lanes;
}

std::uint32_t WarpGroups::end(std::uint32_t lane) {
  alive_ &= ~(1U << lane);
  std::uint32_t lanes = 0;
  std::erase_if(groups_, [&](const Group& group) {
    if (!whole(group)) return false;
    finish(group);
    lanes |= group.arrived;
    return true;
  });
  return lanes;
}

bool WarpGroups::whole(const Group& group) const {
  return (group.mask & alive_ & ~group.arrived) == 0;
}

void WarpGroups::finish(const Group& group) {
  const std::uint64_t together = is_shuffle(group.op) ? 0 : combined(group);
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    if (!is_in(lane, group.arrived)) continue;
    answers_[lane] = is_shuffle(group.op) ? shuffled(group, lane) : together;
  }
}

std::uint64_t WarpGroups::shuffled(const Group& group, std::uint32_t lane) {
  const WarpCall& call = calls_[lane];
  const std::uint32_t source = source_lane(call, lane);
  complaints_[lane].clear();
  if (!is_in(source, group.arrived)) {
    complaints_[lane] =
        fmt::format("reads lane {}, which {} (mask {:#010x})", source,
                    is_in(source, group.mask) ? "has ended" : "is not in the mask", group.mask);
    return ~std::uint64_t{0};
  }
  return calls_[source].value;
}

std::uint64_t WarpGroups::combined(const Group& group) const {
  std::uint64_t sum = 0;
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t most = 0;
  std::uint64_t ballot = 0;
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    if (!is_in(lane, group.arrived)) continue;
    const std::uint64_t value = calls_[lane].value;
    sum += value;
    least = std::min(least, value);
    most = std::max(most, value);
    if (value != 0) ballot |= std::uint64_t{1} << lane;
  }
  switch (group.op) {
    case WarpOp::kBallot: return ballot;
    case WarpOp::kAny: return ballot != 0 ? 1 : 0;
    case WarpOp::kAll: return ballot == group.arrived ? 1 : 0;
    case WarpOp::kAdd: return sum;
    case WarpOp::kMin: return least;
    case WarpOp::kMax: return most;
    default: return 0;
  }
}

std::string WarpGroups::who_waits() const {
  std::string text;
  for (const Group& group : groups_) {
    text += fmt::format("lanes {:#010x} wait at {}:{} with mask {:#010x} for lanes {:#010x}; ",
                        group.arrived, group.where.file, group.where.line, group.mask,
                        group.mask & alive_ & ~group.arrived);
  }
  return text;
}

}  // namespace cuda_emulation
