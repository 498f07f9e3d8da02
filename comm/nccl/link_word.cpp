#include "comm/nccl/link_word.h"

#include <algorithm>
#include <cstring>

namespace switchyard::comm::nccl {

static_assert(sizeof(LinkWord) == 48);

// rest_of, registered, blocks, id, members.
constexpr std::size_t kRegisteredAt = sizeof(std::uint64_t);
constexpr std::size_t kBlocksAt = kRegisteredAt + 1;
constexpr std::size_t kIdAt = kRegisteredAt + sizeof(std::uint64_t);
constexpr std::size_t kMembersAt = kIdAt + kInvitationIdBytes;

std::vector<std::byte> write_invitation(const Invitation& invitation) {
  std::vector<std::byte> bytes(kMembersAt + invitation.members.size() * sizeof(std::uint32_t));
  std::memcpy(bytes.data(), &invitation.rest_of, sizeof invitation.rest_of);
  bytes[kRegisteredAt] = std::byte{invitation.registered};
  bytes[kBlocksAt] = std::byte{invitation.blocks};
  std::memcpy(bytes.data() + kIdAt, invitation.id.data(), kInvitationIdBytes);
  std::size_t at = kMembersAt;
  for (const RankId member : invitation.members) {
    const std::uint32_t value = member.value();
    std::memcpy(bytes.data() + at, &value, sizeof value);
    at += sizeof value;
  }
  return bytes;
}

Result<Invitation> read_invitation(Bytes bytes) {
  if (bytes.size() <= kMembersAt || (bytes.size() - kMembersAt) % sizeof(std::uint32_t) != 0) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "an invitation to a lane of {} bytes",
                bytes.size());
  }
  Invitation invitation;
  std::memcpy(&invitation.rest_of, bytes.data(), sizeof invitation.rest_of);
  invitation.registered = bytes[kRegisteredAt] != std::byte{0};
  invitation.blocks = std::to_integer<std::uint8_t>(bytes[kBlocksAt]);
  if (invitation.blocks == 0) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "an invitation to a lane without blocks");
  }
  std::memcpy(invitation.id.data(), bytes.data() + kIdAt, kInvitationIdBytes);
  for (std::size_t at = kMembersAt; at < bytes.size(); at += sizeof(std::uint32_t)) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    invitation.members.emplace_back(value);
  }
  const auto& members = invitation.members;
  if (!std::ranges::is_sorted(members) || std::ranges::adjacent_find(members) != members.end()) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "an invitation to a lane of {} ranks in disorder", members.size());
  }
  return invitation;
}

Result<WordAndFront> split_word(Bytes message) {
  WordAndFront both;
  if (message.size() >= sizeof(LinkWord)) {
    both.front = message.first(message.size() - sizeof(LinkWord));
    std::memcpy(&both.word, message.data() + both.front.size(), sizeof(LinkWord));
  }
  if (message.size() < sizeof(LinkWord) || both.word.magic != LinkWord::kMagic ||
      both.word.kind > WordKind::kFenced) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "a message of {} bytes that no NCCL exchange sent: do all ranks use the same?",
                message.size());
  }
  return both;
}

}  // namespace switchyard::comm::nccl
