// The parts below the transport: the words of a lane's ends, and the memory for rows on their way.
#include <cstring>

#include "comm/nccl/lane_blocks.h"
#include "comm/nccl/link_word.h"
#include "comm/nccl/staging.h"
#include "tests/gpu/nccl/nccl_world.h"

namespace switchyard::comm::nccl {
namespace {

std::vector<std::byte> with_word(std::vector<std::byte> front, const LinkWord& word) {
  const std::size_t at = front.size();
  front.resize(at + sizeof word);
  std::memcpy(front.data() + at, &word, sizeof word);
  return front;
}

TEST(LinkWords, ComeBackBehindAnyFront) {
  LinkWord word;
  word.kind = WordKind::kJoined;
  word.sequence = 77;
  for (const std::size_t bytes : {0U, 1U, 100U}) {
    const auto message = with_word(std::vector<std::byte>(bytes, std::byte{7}), word);
    const auto both = split_word(message);
    ASSERT_TRUE(both.has_value());
    EXPECT_EQ(both->front.size(), bytes);
    EXPECT_EQ(both->word.sequence, 77U);
    EXPECT_EQ(both->word.kind, WordKind::kJoined);
  }
}

TEST(LinkWords, OtherMessagesAreRefused) {
  const auto message = with_word({}, LinkWord{});
  for (std::size_t bytes = 0; bytes < message.size(); ++bytes) {
    EXPECT_FALSE(split_word(Bytes(message).first(bytes)).has_value()) << bytes;
  }
  LinkWord unknown;
  unknown.kind = static_cast<WordKind>(99);
  EXPECT_FALSE(split_word(with_word({}, unknown)).has_value());
  LinkWord foreign;
  foreign.magic = 1;
  EXPECT_FALSE(split_word(with_word({}, foreign)).has_value());
}

TEST(Invitations, ComeBackOrAreRefused) {
  Invitation invitation;
  invitation.id[5] = std::byte{9};
  invitation.rest_of = 3;
  invitation.registered = true;
  invitation.blocks = 5;
  invitation.members = {RankId(0), RankId(2), RankId(7)};
  auto bytes = write_invitation(invitation);
  const auto read = read_invitation(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->id, invitation.id);
  EXPECT_EQ(read->members, invitation.members);
  EXPECT_EQ(read->rest_of, 3U);
  EXPECT_TRUE(read->registered);
  EXPECT_EQ(read->blocks, 5U);
  EXPECT_FALSE(read_invitation(Bytes(bytes).first(bytes.size() - 1)).has_value());
  EXPECT_FALSE(read_invitation(Bytes(bytes).first(16 + kInvitationIdBytes)).has_value());
  invitation.members = {RankId(2), RankId(2)};
  EXPECT_FALSE(read_invitation(write_invitation(invitation)).has_value());
  invitation.members = {RankId(3), RankId(2)};
  EXPECT_FALSE(read_invitation(write_invitation(invitation)).has_value());
}

TEST(Invitations, ToNoBlocksAreRefused) {
  Invitation invitation;
  invitation.members = {RankId(0), RankId(1)};
  EXPECT_TRUE(read_invitation(write_invitation(invitation)).has_value());
  invitation.blocks = 0;
  EXPECT_FALSE(read_invitation(write_invitation(invitation)).has_value());
}

TEST(LaneBlocks, AllLanesTogetherFillHalfAGpu) {
  EXPECT_EQ(lane_blocks(132, 2), 8) << "more are of no use";
  EXPECT_EQ(lane_blocks(132, 8), 8);
  EXPECT_EQ(lane_blocks(132, 9), 7);
  EXPECT_EQ(lane_blocks(132, 30), 2);
  EXPECT_EQ(lane_blocks(16, 30), 1) << "a lane without blocks moves nothing";
}

class StagingMemory : public test::NcclWorld {};

TEST_F(StagingMemory, GivesPiecesAndJoinsThemAgain) {
  Staging staging;
  EXPECT_FALSE(staging.take(1).has_value());
  ASSERT_FINE(staging.reserve(4096));
  std::vector<Staging::Block> blocks;
  while (const auto block = staging.take(1000)) blocks.push_back(*block);
  ASSERT_EQ(blocks.size(), 4U);
  for (std::size_t i = 1; i < blocks.size(); ++i)
    EXPECT_EQ(blocks[i].data - blocks[i - 1].data, 1024);
  // In every order of giving back, the whole is one piece in the end.
  for (const auto& order : {std::array{0, 1, 2, 3}, std::array{3, 2, 1, 0}, std::array{1, 3, 0, 2},
                            std::array{2, 0, 3, 1}}) {
    for (const int i : order) staging.give_back(blocks[static_cast<std::size_t>(i)]);
    const auto whole = staging.take(4096);
    ASSERT_TRUE(whole.has_value());
    staging.give_back(*whole);
    for (auto& block : blocks) block = staging.take(1000).value();
  }
}

TEST_F(StagingMemory, SaysWhenTheGpuHasNoMore) {
  cuda_emulation::set_memory_limit(1 << 20);
  Staging staging;
  const auto reserved = staging.reserve(2 << 20);
  cuda_emulation::set_memory_limit(std::size_t{1} << 40);
  ASSERT_FALSE(reserved.has_value());
  EXPECT_EQ(reserved.error().code, ErrorCode::kLimit);
}

}  // namespace
}  // namespace switchyard::comm::nccl
