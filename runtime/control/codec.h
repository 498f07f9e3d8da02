// runtime/control/codec.h -- the byte format of control messages: one frame = a fixed header
// (magic, version, type, body length), then the body; little-endian, every count checked against a
// limit before anything is allocated. Not the sending (runtime/net).
// Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

inline constexpr std::uint32_t kFrameMagic = 0x43595753;  // "SWYC"
inline constexpr std::uint8_t kProtocolVersion = 7;
inline constexpr std::size_t kFrameHeaderBytes = 12;
inline constexpr std::size_t kFrameBodyBytesMax = std::size_t{64} << 20;

struct FrameHeader {
  std::uint8_t type = 0;  // index of the alternative in Message
  std::size_t body_bytes = 0;
};

// A whole frame, header included.
[[nodiscard]] std::vector<std::byte> encode(const Message& message);

// Errors: kPeer for a wrong magic, version or type; kLimit for a body above the limit.
[[nodiscard]] Result<FrameHeader> decode_header(Bytes header);

// Errors: kPeer naming the message and the field; nothing is allocated beyond the body's size.
[[nodiscard]] Result<Message> decode_body(const FrameHeader& header, Bytes body);

// The name of a message's type: "register", "heartbeat", ...
[[nodiscard]] std::string_view name_of(const Message& message) noexcept;
// The same for a type as a header has it; "unknown" beyond the last.
[[nodiscard]] std::string_view name_of_type(std::uint8_t type) noexcept;

}  // namespace switchyard::control
