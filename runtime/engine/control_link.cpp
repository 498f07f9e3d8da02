#include "runtime/engine/control_link.h"

namespace switchyard::engine {

Result<void> ControlLink::post(RankId to, const nlohmann::json& body) {
  auto& out = outgoing_.emplace_back();
  out.bytes = nlohmann::json::to_cbor(body);
  auto ticket = transport_.send(to, comm::Channel::kControl, std::as_bytes(std::span(out.bytes)));
  if (!ticket) {
    outgoing_.pop_back();
    return Unexpected(std::move(ticket).error());
  }
  out.ticket = *ticket;
  return {};
}

Result<bool> ControlLink::flushed() {
  for (auto it = outgoing_.begin(); it != outgoing_.end();) {
    const auto done = transport_.send_done(it->ticket);
    if (!done) {
      outgoing_.erase(it);  // its ticket is spent
      return Unexpected(done.error());
    }
    it = *done ? outgoing_.erase(it) : std::next(it);
  }
  return outgoing_.empty();
}

Result<std::optional<ControlMessage>> ControlLink::poll() {
  SY_TRY(flushed());
  SY_ASSIGN(const auto arrival, transport_.probe(comm::Channel::kControl));
  if (!arrival) return std::nullopt;
  incoming_.resize(arrival->bytes);
  SY_TRY(transport_.receive(*arrival, incoming_));
  const auto* begin = reinterpret_cast<const std::uint8_t*>(incoming_.data());
  auto body = nlohmann::json::from_cbor(begin, begin + incoming_.size(), true, false);
  if (!body.is_object() || !body.contains("kind") || !body["kind"].is_string()) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "rank {} sent a control message of {} bytes that is not one", arrival->from.value(),
                incoming_.size());
  }
  return ControlMessage{arrival->from, std::move(body)};
}

}  // namespace switchyard::engine
