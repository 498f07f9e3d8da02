// comm/send_rules.h -- what every transport refuses before it sends: the same words everywhere.
// Thread safety: safe.
#pragma once

#include <span>
#include <string>

#include "comm/transport.h"
#include "runtime/base/error.h"

namespace switchyard::comm {

struct SendRequest {
  RankId to;
  std::size_t bytes = 0;
  std::size_t world_size = 0;
};

// Errors: kPeer for a rank outside the world, kLimit for a message that is too long.
[[nodiscard]] Result<void> check_send(const SendRequest& request, const TransportLimits& limits);

// The error of a send while all slots are in flight.
[[nodiscard]] Unexpected too_many_sends(RankId to, const TransportLimits& limits);

[[nodiscard]] std::string_view to_string(Channel channel) noexcept;

// "ranks 1, 4" or "rank 1", for messages that name the silent.
[[nodiscard]] std::string name_ranks(std::span<const RankId> ranks);

}  // namespace switchyard::comm
