// Rows between emulated GPUs: the suite of every transport for the heads, and for messages with
// rows what it asks of messages: whole, in order, whoever sends to whom.
#include <array>
#include <atomic>

#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::test {
namespace {

class EveryCase : public NcclWorld,
                  public ::testing::WithParamInterface<std::tuple<std::size_t, suite::Case>> {};

TEST_P(EveryCase, Runs) {
  const auto& [count, test_case] = GetParam();
  auto ranks = make(count);
  on_ranks(ranks, [body = test_case.body](Transport& transport) {
    suite::Mail mail(transport);
    body(transport, mail);
    finalize(transport);
  });
}

INSTANTIATE_TEST_SUITE_P(NcclOverThreads, EveryCase,
                         testing::Combine(testing::Values<std::size_t>(1, 2, 3),
                                          testing::ValuesIn(suite::cases().begin(),
                                                            suite::cases().end())),
                         [](const auto& param) {
                           return std::string(std::get<1>(param.param).name) + "_" +
                                  std::to_string(std::get<0>(param.param));
                         });

constexpr std::array kRowChannels{Channel::kDispatch, Channel::kCombine};

// Lengths and contents that both sides know from the name of a message. Some have no rows, some no
// head.
struct Shape {
  std::size_t head = 0;
  std::size_t rows = 0;
};
Shape shape_of(std::uint64_t name) {
  return {name % 5 == 0 ? 0 : name % 300, name % 7 == 0 ? 0 : 64 * (name % 2500)};
}

void all_to_all(Transport& transport, std::uint64_t messages) {
  RowMail mail(transport);
  const auto ranks = static_cast<std::uint32_t>(transport.size());
  const auto name_of = [](RankId from, RankId to, Channel channel, std::uint64_t i) {
    return hash_counters(from.value(), to.value(), static_cast<std::uint64_t>(channel), i);
  };
  for (std::uint64_t i = 0; i < messages; ++i) {
    for (std::uint32_t to = 0; to < ranks; ++to) {
      for (const Channel channel : kRowChannels) {
        const auto name = name_of(transport.rank(), RankId(to), channel, i);
        const Shape shape = shape_of(name);
        ASSERT_FINE(mail.send(RankId(to), channel, suite::make_content(shape.head, name),
                              suite::make_content(shape.rows, name + 1)));
      }
    }
    ASSERT_FINE(mail.turn());
  }
  std::vector<std::array<std::uint64_t, kChannelCount>> next(ranks);
  for (const Channel channel : kRowChannels) {
    for (std::uint64_t n = 0; n < messages * ranks; ++n) {
      const auto letter = mail.receive(channel);
      ASSERT_FINE(letter);
      auto& index = next[letter->from.index()][static_cast<std::size_t>(channel)];
      const auto name = name_of(letter->from, transport.rank(), channel, index++);
      const Shape shape = shape_of(name);
      ASSERT_EQ(letter->head, suite::make_content(shape.head, name)) << "message " << index;
      ASSERT_EQ(letter->rows, suite::make_content(shape.rows, name + 1)) << "message " << index;
    }
  }
  ASSERT_FINE(mail.flush());
}

TEST_F(NcclWorld, RowsComeWholeAndInOrderInEverySchedule) {
  using cuda_emulation::Order;
  using cuda_emulation::Progress;
  for (const cuda_emulation::Schedule& schedule :
       {cuda_emulation::Schedule{Order::kAscending, Progress::kLate, 1},
        cuda_emulation::Schedule{Order::kDescending, Progress::kEarly, 1},
        cuda_emulation::Schedule{Order::kRandom, Progress::kRandom, 7}}) {
    start(schedule);
    auto ranks = make(3);
    on_ranks(ranks, [](Transport& transport) {
      all_to_all(transport, 10);
      finalize(transport);
    });
  }
}

// However a body ends, nobody waits for it.
struct Release {
  std::atomic<bool>& flag;
  ~Release() {
    flag.store(true);
    flag.notify_all();
  }
};

// A receiver that looks late holds nobody else up.
TEST_F(NcclWorld, ASlowReceiverDoesNotHoldOthersUp) {
  auto ranks = make(3);
  std::atomic<bool> looks_no_more{false};
  std::atomic<bool> may_look{false};
  on_ranks(ranks, [&](Transport& transport) {
    // Every lane is there, and nothing is owed.
    all_to_all(transport, 1);
    ASSERT_FINE(suite::Mail(transport).meet());
    RowMail mail(transport);
    const auto rows = suite::make_content(4096, 3);
    if (transport.rank() == RankId(0)) {
      const Release release{may_look};
      while (!looks_no_more.load()) ASSERT_FINE(mail.turn());
      ASSERT_FINE(mail.send(RankId(1), Channel::kDispatch, {}, rows));
      ASSERT_FINE(mail.send(RankId(2), Channel::kDispatch, {}, rows));
      const auto answer = mail.receive(Channel::kCombine);
      ASSERT_FINE(answer);
      EXPECT_EQ(answer->from, RankId(2));
      EXPECT_EQ(mail.in_flight(), 1U) << "rank 1 has not looked yet";
    } else {
      if (transport.rank() == RankId(1)) {
        looks_no_more.store(true);
        may_look.wait(false);
      }
      ASSERT_FINE(mail.receive(Channel::kDispatch));
      if (transport.rank() == RankId(2)) {
        ASSERT_FINE(mail.send(RankId(0), Channel::kCombine, {}, rows));
      }
    }
    ASSERT_FINE(mail.flush());
    finalize(transport);
  });
}

TEST_F(NcclWorld, SaysWhatItCannotDo) {
  cuda_emulation::set_device_count(1);
  auto base = make_local_world(2, {});
  const auto shared = check_nccl_world(*base.front());
  ASSERT_FALSE(shared.has_value());
  EXPECT_EQ(shared.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(shared.error().message.find("1 for 2 ranks"), std::string::npos);

  cuda_emulation::set_device_count(31);
  const auto many = check_nccl_world(*make_local_world(31, {}).front());
  ASSERT_FALSE(many.has_value());
  EXPECT_EQ(many.error().code, ErrorCode::kLimit);

  for (const auto& [version, text] :
       {std::pair{21613, "NCCL 2.16.13 is too old; NCCL 2.17 or later is needed"},
        {22705, "this build was made for NCCL 2.28.9 and finds NCCL 2.27.5"}}) {
    cuda_emulation::set_nccl_version(version);
    const auto old = nccl_library();
    ASSERT_FALSE(old.has_value());
    EXPECT_EQ(old.error().code, ErrorCode::kUnsupported);
    EXPECT_TRUE(old.error().message.starts_with(text)) << old.error().message;
  }
}

}  // namespace
}  // namespace switchyard::comm::test
