// comm/nccl/link_word.h -- what the two ends of a lane tell each other over the base transport: a
// word at the end of every message. Not the rows and not what is done about a word.
// Little-endian, same-architecture peers, as all messages of the exchange.
// Thread safety: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"
#include "runtime/base/view.h"

namespace switchyard::comm::nccl {

enum class WordKind : std::uint32_t {
  kMessage,     // in front: a head of the caller's; its rows come by the sender's lane
  kAck,         // only `acked` counts, as in every word
  kInvitation,  // in front: an Invitation to the sender's lane
  kJoined,      // the addressee's lane: its old communicator is gone here, the new one being joined
  kBroken,      // the addressee's lane has failed here
  kPlainOnly,   // the addressee's lane cannot be one of registered memory here
  kRefused,     // the addressee's lane: a newer generation is known here, that of this word
  kGoodbye,     // nothing more will come
  kFence,       // the sender's lane: that generation ends, nothing more of it may be counted
  kFenced,      // the addressee's lane: nothing more of that generation is counted here
};

struct LinkWord {
  static constexpr std::uint32_t kMagic = 0x4C595753;  // "SWYL"
  std::uint32_t magic = kMagic;
  WordKind kind = WordKind::kAck;
  std::uint64_t generation = 0;  // of the lane that the word is about
  // kMessage: its number among those of this pair; kJoined: of the last one that is whole here.
  std::uint64_t sequence = 0;
  std::uint64_t row_bytes = 0;         // kMessage
  std::uint64_t acked = 0;             // last message of the addressee that is whole here
  std::uint64_t acked_generation = 0;  // of the addressee's lane, as known here
};

// Who is in a new communicator and how to join it: by its id, or as what is left of the lane's
// communicator of an earlier generation; whether all of it passes registered memory or none; and
// how many blocks it may have at each member, which NCCL wants to be the same number everywhere.
// The rank in it is the place in `members`.
inline constexpr std::size_t kInvitationIdBytes = 128;
struct Invitation {
  std::uint64_t rest_of = 0;  // that generation; 0: by its id
  bool registered = false;
  std::uint8_t blocks = 1;
  std::array<std::byte, kInvitationIdBytes> id{};
  std::vector<RankId> members;  // ascending
};

[[nodiscard]] std::vector<std::byte> write_invitation(const Invitation& invitation);
[[nodiscard]] Result<Invitation> read_invitation(Bytes bytes);

struct WordAndFront {
  LinkWord word;
  Bytes front;  // what lies before the word
};
// Errors: kPeer where the message does not end in a word: its sender moves rows in another way.
[[nodiscard]] Result<WordAndFront> split_word(Bytes message);

}  // namespace switchyard::comm::nccl
