// runtime/control/token_bytes.h -- token ids as bytes, for the payload of a request that ended
// while it waited (kEndedNow): the controller knows its tokens and not how an engine encodes a
// result. Four bytes a token, the lowest first. Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"

namespace switchyard::control {

[[nodiscard]] std::vector<std::byte> tokens_to_bytes(const std::vector<std::uint32_t>& tokens);
// Errors: kPeer for bytes that are no whole number of tokens.
[[nodiscard]] Result<std::vector<std::uint32_t>> tokens_of_bytes(Bytes bytes);

}  // namespace switchyard::control
