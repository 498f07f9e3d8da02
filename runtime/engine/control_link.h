// runtime/engine/control_link.h -- small messages between ranks: start-up, jobs, results, goodbyes.
// JSON values carried as CBOR over the control channel; bounded, non-blocking. Not the data plane.
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <cstdint>
#include <list>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "comm/transport.h"
#include "runtime/base/error.h"

namespace switchyard::engine {

struct ControlMessage {
  RankId from;
  nlohmann::json body;  // an object with a string "kind"
};

class ControlLink {
 public:
  explicit ControlLink(comm::Transport& transport) : transport_(transport) {}

  // Sends soon; the bytes are kept until they have left. Blocks: no. Errors: kPeer, kLimit.
  [[nodiscard]] Result<void> post(RankId to, const nlohmann::json& body);
  // The next message, if one has arrived. Blocks: no. Errors: kPeer for a malformed one.
  [[nodiscard]] Result<std::optional<ControlMessage>> poll();
  // True when everything posted has left.
  [[nodiscard]] Result<bool> flushed();

 private:
  struct Outgoing {
    std::vector<std::uint8_t> bytes;
    comm::SendTicket ticket;
  };
  comm::Transport& transport_;
  std::list<Outgoing> outgoing_;
  std::vector<std::byte> incoming_;
};

}  // namespace switchyard::engine
