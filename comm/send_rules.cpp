#include "comm/send_rules.h"

namespace switchyard::comm {

Result<void> check_send(const SendRequest& request, const TransportLimits& limits) {
  if (request.to.index() >= request.world_size) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "send to rank {}: this world has ranks 0 to {}", request.to.value(),
                request.world_size - 1);
  }
  if (request.bytes > limits.message_bytes_max) {
    return fail(ErrorCode::kLimit, "send to rank {}: {} bytes, a message has {} at most",
                request.to.value(), request.bytes, limits.message_bytes_max);
  }
  return {};
}

Unexpected too_many_sends(RankId to, const TransportLimits& limits) {
  return fail(ErrorCode::kLimit, "send to rank {}: {} sends are in flight already, the limit",
              to.value(), limits.sends_in_flight_max);
}

std::string_view to_string(Channel channel) noexcept {
  switch (channel) {
    case Channel::kControl: return "control";
    case Channel::kDispatch: return "dispatch";
    case Channel::kCombine: return "combine";
  }
  return "unknown";
}

std::string name_ranks(std::span<const RankId> ranks) {
  std::string names = ranks.size() == 1 ? "rank" : "ranks";
  const char* separator = " ";
  for (const RankId rank : ranks) {
    names += fmt::format("{}{}", separator, rank.value());
    separator = ", ";
  }
  return names;
}

}  // namespace switchyard::comm
