// The seeds of the codec's fuzzer (tests/fuzz/corpus/control_codec): one for every message and
// every part of a snapshot, of this protocol version, or the fuzzer would start from frames that
// are all refused. After a change of the protocol: property_control --gtest_also_run_disabled_tests
// --gtest_filter=CodecSeeds.DISABLED_AreWritten
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "runtime/control/codec.h"
#include "runtime/control/snapshot_part.h"
#include "tests/property/control/message_maker.h"

namespace switchyard::control {
namespace {

using Seed = std::pair<std::string, std::vector<std::byte>>;

std::string path_of(const std::string& name) {
  return SWITCHYARD_SOURCE_DIR "/tests/fuzz/corpus/control_codec/" + name;
}

std::vector<std::byte> read_seed(const std::string& name) {
  std::ifstream in(path_of(name), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

template <class M>
M random_of(Random& random) {
  const Message made = Message(M{});
  return std::get<M>(random_message(made.index(), random));
}

std::vector<Seed> made_seeds() {
  Random random(7);
  std::vector<Seed> out;
  for (std::size_t type = 0; type < std::variant_size_v<Message>; ++type) {
    const Message message = random_message(type, random);
    out.emplace_back(name_of(message), encode(message));
  }
  SnapshotHead head;
  head.model = ModelFacts{2, 8, 1'000, "tiny"};
  head.view = random_of<Commit>(random).view;
  head.seats = {{RankId(0), Incarnation(1)}, {RankId(1), Incarnation(2)}};
  head.last_move = {MoveState::kDone, MovesFor::kPlan, "4 copies loaded in 2 views"};
  out.emplace_back("snapshot_head", encode_part(head));
  out.emplace_back("snapshot_slot",
                   encode_part(SnapshotSlot{random_of<Register>(random), SlotState::kLive, true}));
  SnapshotRequest request;
  request.request.what = {"a", "eu", "eu/gdpr", "", {std::byte{1}}};
  request.request.tokens = {5, 6, 7};
  out.emplace_back("snapshot_request", encode_part(request));
  out.emplace_back("snapshot_departed", encode_part(SnapshotDeparted{random_of<RankLeft>(random)}));
  return out;
}

TEST(CodecSeeds, AreOfThisVersionAndOfEveryKind) {
  for (const auto& [name, made] : made_seeds()) {
    const auto seed = read_seed(name);
    ASSERT_GE(seed.size(), kFrameHeaderBytes) << path_of(name);
    if (is_snapshot_part(made)) {
      const auto part = decode_part(seed);
      EXPECT_TRUE(part.has_value()) << name << ": " << part.error().message;
      continue;
    }
    const auto header = decode_header(Bytes(seed).first(kFrameHeaderBytes));
    ASSERT_TRUE(header.has_value()) << name << ": " << header.error().message;
    const auto message = decode_body(*header, Bytes(seed).subspan(kFrameHeaderBytes));
    ASSERT_TRUE(message.has_value()) << name << ": " << message.error().message;
    EXPECT_EQ(name_of(*message), name);
  }
}

TEST(CodecSeeds, DISABLED_AreWritten) {
  for (const auto& [name, made] : made_seeds()) {
    std::ofstream out(path_of(name), std::ios::binary);
    out.write(reinterpret_cast<const char*>(made.data()),
              static_cast<std::streamsize>(made.size()));
    EXPECT_TRUE(out.good()) << path_of(name);
  }
}

}  // namespace
}  // namespace switchyard::control
