#include "runtime/control/codec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/control/codec/client_fields.h"

namespace switchyard::control {
namespace {

constexpr std::size_t kTypes = std::variant_size_v<Message>;

constexpr std::array<std::string_view, kTypes> kNames{
    "register", "heartbeat", "load_report", "evidence", "prepared",     "adopted",   "progress",
    "finished", "goodbye",   "welcome",     "refused",  "prepare",      "commit",    "rollback",
    "retire",   "assign",    "cancel",      "drain",    "undrain",      "leave",     "alive",
    "submit",   "command",   "place",       "answer",   "request_done", "rank_left", "event"};

// Reads the body as the alternative number I.
template <std::size_t I>
Message read_as(ByteReader& io) {
  std::variant_alternative_t<I, Message> message;
  fields(io, message);
  return message;
}

template <std::size_t... I>
Message read_body(std::size_t type, ByteReader& io, std::index_sequence<I...>) {
  using Read = Message (*)(ByteReader&);
  constexpr std::array<Read, kTypes> kReaders{&read_as<I>...};
  return kReaders[type](io);
}

}  // namespace

std::string_view name_of(const Message& message) noexcept { return kNames[message.index()]; }

std::string_view name_of_type(std::uint8_t type) noexcept {
  return type < kTypes ? kNames[type] : "unknown";
}

std::vector<std::byte> encode(const Message& message) {
  std::vector<std::byte> frame;
  ByteWriter io(frame);
  io("magic", kFrameMagic);
  io("version", kProtocolVersion);
  io("type", static_cast<std::uint8_t>(message.index()));
  io("zero", std::uint16_t{0});
  io("body_bytes", std::uint32_t{0});
  std::visit([&io](const auto& m) { fields(io, m); }, message);
  std::vector<std::byte> length;
  ByteWriter{length}("body_bytes", static_cast<std::uint32_t>(frame.size() - kFrameHeaderBytes));
  std::copy(length.begin(), length.end(), frame.begin() + kFrameHeaderBytes - 4);
  return frame;
}

Result<FrameHeader> decode_header(Bytes header) {
  std::uint32_t magic = 0;
  std::uint8_t version = 0;
  std::uint8_t type = 0;
  std::uint16_t zero = 0;
  std::uint32_t body_bytes = 0;
  ByteReader io(header);
  io("magic", magic);
  io("version", version);
  io("type", type);
  io("zero", zero);
  io("body_bytes", body_bytes);
  if (!io.ok()) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "frame header: {}", io.failure());
  }
  if (magic != kFrameMagic || version != kProtocolVersion || zero != 0) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "frame has magic {:#x} version {}; this build speaks {:#x} version {}", magic,
                version, kFrameMagic, kProtocolVersion);
  }
  if (type >= kTypes) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "frame has the unknown type {}", type);
  }
  if (body_bytes > kFrameBodyBytesMax) {
    return fail(ErrorCode::kLimit, ErrorScope::kPeer, "{} of {} bytes; the limit is {}",
                kNames[type], body_bytes, kFrameBodyBytesMax);
  }
  return FrameHeader{type, body_bytes};
}

Result<Message> decode_body(const FrameHeader& header, Bytes body) {
  if (header.type >= kTypes || header.body_bytes != body.size()) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "{} of {} bytes has a body of {}",
                name_of_type(header.type), header.body_bytes, body.size());
  }
  ByteReader io(body);
  Message message = read_body(header.type, io, std::make_index_sequence<kTypes>());
  if (!io.ok()) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "{}: {}", kNames[header.type], io.failure());
  }
  if (io.bytes_left() != 0) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "{} has {} bytes behind its last field",
                kNames[header.type], io.bytes_left());
  }
  return message;
}

}  // namespace switchyard::control
