#include "tests/conformance/comm/transport_suite.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <cmath>

#include "tests/conformance/comm/mail.h"

// Fails the test and leaves the body if a Result holds an error.
#define ASSERT_OK(expression)                                    \
  do {                                                           \
    const auto outcome = (expression);                           \
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message; \
  } while (false)

namespace switchyard::comm::suite {
namespace {

constexpr std::array kChannels = {Channel::kControl, Channel::kDispatch, Channel::kCombine};

std::uint64_t name_of(RankId from, RankId to, Channel channel, std::uint64_t index) {
  return hash_counters(from.value(), to.value(), static_cast<std::uint64_t>(channel), index);
}

// Bounds of sizes where transports change their ways (eager, rendezvous, pages) and their
// neighbours.
constexpr std::array<std::size_t, 18> kSizes = {0,
                                                1,
                                                7,
                                                8,
                                                63,
                                                64,
                                                4095,
                                                4096,
                                                4097,
                                                32767,
                                                32768,
                                                65535,
                                                65536,
                                                65537,
                                                100001,
                                                1U << 20U,
                                                (1U << 20U) + 3,
                                                4U << 20U};

void names_rank_and_hosts(Transport& transport, Mail& /*mail*/) {
  EXPECT_FALSE(transport.name().empty());
  EXPECT_LT(transport.rank().index(), transport.size());
  ASSERT_EQ(transport.hosts().size(), transport.size());
  for (const std::string& host : transport.hosts()) EXPECT_FALSE(host.empty());
}

// How many messages of each sender and channel a rank has taken: the number the next one must have.
class Counters {
 public:
  explicit Counters(std::size_t ranks) : next_(ranks) {}
  std::uint64_t& of(RankId from, Channel channel) {
    return next_[from.index()][static_cast<std::size_t>(channel)];
  }

 private:
  std::vector<std::array<std::uint64_t, kChannelCount>> next_;
};

void keeps_order_per_pair_and_channel(Transport& transport, Mail& mail) {
  constexpr std::uint64_t kMessages = 50;
  Counters counters(transport.size());
  const auto size_of = [](std::uint64_t name) { return std::size_t{name % 9000}; };
  for (std::uint64_t i = 0; i < kMessages; ++i) {
    for (std::uint32_t to = 0; to < transport.size(); ++to) {
      for (const Channel channel : kChannels) {
        const auto name = name_of(transport.rank(), RankId(to), channel, i);
        ASSERT_OK(mail.send(RankId(to), channel, make_content(size_of(name), name)));
      }
    }
    // Take as many as every rank sends in a round, from whomever they come.
    for (std::size_t n = 0; n < transport.size() * kChannelCount; ++n) {
      const Channel channel = kChannels[n % kChannelCount];
      const auto letter = mail.receive(channel);
      ASSERT_OK(letter);
      const std::uint64_t index = counters.of(letter->from, channel)++;
      const auto name = name_of(letter->from, transport.rank(), channel, index);
      ASSERT_EQ(letter->content.size(), size_of(name)) << "message " << index;
      ASSERT_EQ(letter->content, make_content(size_of(name), name)) << "message " << index;
    }
  }
  ASSERT_OK(mail.flush());
}

void carries_every_size_whole(Transport& transport, Mail& mail) {
  const auto ranks = static_cast<std::uint32_t>(transport.size());
  const RankId next((transport.rank().value() + 1) % ranks);
  const RankId before((transport.rank().value() + ranks - 1) % ranks);
  for (const std::size_t bytes : kSizes) {
    for (const Channel channel : kChannels) {
      ASSERT_OK(mail.send(next, channel,
                          make_content(bytes, name_of(transport.rank(), next, channel, bytes))));
      const auto letter = mail.receive(channel);
      ASSERT_OK(letter);
      EXPECT_EQ(letter->from, before);
      ASSERT_EQ(letter->content.size(), bytes);
      ASSERT_EQ(letter->content,
                make_content(bytes, name_of(before, transport.rank(), channel, bytes)));
      ASSERT_OK(mail.flush());
    }
  }
}

struct StormMessage {
  Channel channel;
  std::size_t bytes;
};

// Sizes spread evenly over the powers of two up to 256 KiB.
StormMessage storm_message(RankId from, RankId to, std::uint64_t index) {
  const std::uint64_t name = hash_counters(77, from.value(), to.value(), index);
  const double power = to_unit(name) * 18.0;
  return {kChannels[name % kChannelCount], static_cast<std::size_t>(std::exp2(power)) - 1};
}

// Takes what waits on a channel, in the order each sender sent it. Returns how many.
void drain(Transport& transport, Mail& mail, Channel channel, Counters& counters,
           std::uint64_t& received) {
  for (;;) {
    const auto taken = mail.take(channel);
    ASSERT_OK(taken);
    if (!taken->has_value()) return;
    const std::optional<Letter>& letter = *taken;
    std::uint64_t& index = counters.of(letter->from, channel);
    while (storm_message(letter->from, transport.rank(), index).channel != channel) ++index;
    const StormMessage message = storm_message(letter->from, transport.rank(), index);
    ASSERT_EQ(letter->content.size(), message.bytes);
    ASSERT_EQ(letter->content,
              make_content(message.bytes, name_of(letter->from, transport.rank(), channel, index)));
    ++index;
    ++received;
  }
}

// All to all at once, without turns: ranks run out of tickets and must receive to get on.
void survives_a_storm(Transport& transport, Mail& mail) {
  constexpr std::uint64_t kMessages = 80;
  const RankId own = transport.rank();
  Counters counters(transport.size());
  const std::uint64_t total = kMessages * transport.size();
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  for (std::uint32_t idle = 0; sent < total || received < total; ++idle) {
    const std::uint64_t before = sent + received;
    while (sent < total) {
      const RankId to(static_cast<std::uint32_t>(sent % transport.size()));
      const std::uint64_t index = sent / transport.size();
      const StormMessage message = storm_message(own, to, index);
      const auto went =
          mail.try_send(to, message.channel,
                        make_content(message.bytes, name_of(own, to, message.channel, index)));
      ASSERT_OK(went);
      if (!*went) break;
      ++sent;
    }
    for (const Channel channel : kChannels) {
      ASSERT_NO_FATAL_FAILURE(drain(transport, mail, channel, counters, received));
    }
    if (sent + received != before) idle = 0;
    ASSERT_OK(mail.rest(idle, "the storm"));
  }
  EXPECT_EQ(received, total);
  ASSERT_OK(mail.flush());
}

void keeps_channels_apart(Transport& transport, Mail& mail) {
  const RankId to(static_cast<std::uint32_t>(transport.size() - 1));
  if (transport.rank().value() == 0) {
    for (const Channel channel : kChannels) {
      ASSERT_OK(mail.send(to, channel, make_content(20000, static_cast<std::uint64_t>(channel))));
    }
  }
  if (transport.rank() == to) {
    for (const Channel channel : {Channel::kCombine, Channel::kDispatch, Channel::kControl}) {
      const auto letter = mail.receive(channel);
      ASSERT_OK(letter);
      EXPECT_EQ(letter->content, make_content(20000, static_cast<std::uint64_t>(channel)));
    }
  }
  ASSERT_OK(mail.flush());
}

void repeats_a_probe_until_received(Transport& transport, Mail& mail) {
  constexpr std::size_t kBytes = 5000;
  ASSERT_OK(
      mail.send(RankId(0), Channel::kCombine, make_content(kBytes + transport.rank().value(), 5)));
  if (transport.rank().value() == 0) {
    for (std::size_t n = 0; n < transport.size(); ++n) {
      std::optional<Arrival> first;
      for (std::uint32_t round = 0; !first; ++round) {
        const auto found = transport.probe(Channel::kCombine);
        ASSERT_OK(found);
        first = *found;
        if (!first) transport.wait_a_moment(round);
      }
      for (int again = 0; again < 5; ++again) {
        const auto same = transport.probe(Channel::kCombine);
        ASSERT_OK(same);
        ASSERT_TRUE(same->has_value());
        EXPECT_EQ((*same)->from, first->from);
        EXPECT_EQ((*same)->bytes, first->bytes);
        ASSERT_OK(transport.probe(Channel::kDispatch));
      }
      EXPECT_EQ(first->bytes, kBytes + first->from.value());
      Content content(first->bytes);
      ASSERT_OK(transport.receive(*first, content));
      EXPECT_EQ(content, make_content(first->bytes, 5));
    }
  }
  ASSERT_OK(mail.flush());
}

void refuses_more_sends_than_tickets(Transport& transport, Mail& mail) {
  const std::size_t limit = suite_limits().sends_in_flight_max;
  const Content content = make_content(100, 9);
  for (int round = 0; round < 3; ++round) {
    std::vector<SendTicket> tickets;
    for (std::size_t i = 0; i < limit; ++i) {
      const auto ticket = transport.send(transport.rank(), Channel::kDispatch, content);
      ASSERT_OK(ticket);
      tickets.push_back(*ticket);
    }
    const auto refused = transport.send(transport.rank(), Channel::kDispatch, content);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
    for (std::size_t i = 0; i < limit; ++i) {
      const auto letter = mail.receive(Channel::kDispatch);
      ASSERT_OK(letter);
      EXPECT_EQ(letter->content, content);
    }
    for (const SendTicket ticket : tickets) {
      auto done = transport.send_done(ticket);
      while (done.has_value() && !*done) done = transport.send_done(ticket);
      ASSERT_OK(done);
    }
  }
}

void refuses_what_it_cannot_send(Transport& transport, Mail& /*mail*/) {
  const RankId outside(static_cast<std::uint32_t>(transport.size()));
  const Content content(10);
  const auto nowhere = transport.send(outside, Channel::kControl, content);
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().code, ErrorCode::kPeer);
  EXPECT_EQ(nowhere.error().scope, ErrorScope::kPeer);
  EXPECT_NE(nowhere.error().message.find(std::to_string(outside.value())), std::string::npos);

  const Content huge(suite_limits().message_bytes_max + 1);
  const auto too_long = transport.send(RankId(0), Channel::kDispatch, huge);
  ASSERT_FALSE(too_long.has_value());
  EXPECT_EQ(too_long.error().code, ErrorCode::kLimit);
}

void keeps_quiet_when_nothing_was_sent(Transport& transport, Mail& /*mail*/) {
  // Past the spinning and into the sleeps.
  for (std::uint32_t round = 0; round < 400; ++round) transport.wait_a_moment(round);
  // Not kControl, where a faster rank may be at the next meeting.
  for (const Channel channel : {Channel::kDispatch, Channel::kCombine}) {
    const auto arrival = transport.probe(channel);
    ASSERT_OK(arrival);
    EXPECT_FALSE(arrival->has_value());
  }
}

void wakes_a_sleeping_rank(Transport& transport, Mail& mail) {
  const auto ranks = static_cast<std::uint32_t>(transport.size());
  const RankId next((transport.rank().value() + 1) % ranks);
  // A token goes round; all but its holder sleep.
  constexpr std::uint64_t kRounds = 100;
  for (std::uint64_t i = 0; i < kRounds; ++i) {
    if (transport.rank().value() == 0) ASSERT_OK(mail.send(next, Channel::kCombine, Content(64)));
    const auto letter = mail.receive(Channel::kCombine);
    ASSERT_OK(letter);
    if (transport.rank().value() != 0) {
      ASSERT_OK(mail.send(next, Channel::kCombine, letter->content));
    }
  }
  ASSERT_OK(mail.flush());
}

// How often this thread has slept so far.
std::int64_t sleeps() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return used.ru_nvcsw;
}

void does_not_sleep_through_a_wake(Transport& transport, Mail& /*mail*/) {
  constexpr std::uint32_t kLongIdle = 1000;
  constexpr std::int64_t kRounds = 100;
  // Past the spinning.
  std::int64_t before = sleeps();
  while (sleeps() == before) transport.wait_a_moment(kLongIdle);
  before = sleeps();
  for (std::int64_t i = 0; i < kRounds; ++i) {
    transport.wake();
    transport.wait_a_moment(kLongIdle);
  }
  EXPECT_LT(sleeps() - before, kRounds / 2);
  before = sleeps();
  for (std::int64_t i = 0; i < kRounds; ++i) transport.wait_a_moment(kLongIdle);
  EXPECT_GT(sleeps() - before, kRounds / 2) << "the count above would prove nothing";
}

// Every case begins and ends with all ranks together and nothing under way.
template <void (*kBody)(Transport&, Mail&)>
void together(Transport& transport, Mail& mail) {
  ASSERT_OK(mail.meet());
  kBody(transport, mail);
  ASSERT_OK(mail.meet());
}

constexpr std::array kCases = {
    Case{"NamesRankAndHosts", together<names_rank_and_hosts>},
    Case{"KeepsOrderPerPairAndChannel", together<keeps_order_per_pair_and_channel>},
    Case{"CarriesEverySizeWhole", together<carries_every_size_whole>},
    Case{"SurvivesAStorm", together<survives_a_storm>},
    Case{"KeepsChannelsApart", together<keeps_channels_apart>},
    Case{"RepeatsAProbeUntilReceived", together<repeats_a_probe_until_received>},
    Case{"RefusesMoreSendsThanTickets", together<refuses_more_sends_than_tickets>},
    Case{"RefusesWhatItCannotSend", together<refuses_what_it_cannot_send>},
    Case{"KeepsQuietWhenNothingWasSent", together<keeps_quiet_when_nothing_was_sent>},
    Case{"WakesASleepingRank", together<wakes_a_sleeping_rank>},
    Case{"DoesNotSleepThroughAWake", together<does_not_sleep_through_a_wake>},
};

}  // namespace

std::span<const Case> cases() { return kCases; }

}  // namespace switchyard::comm::suite
