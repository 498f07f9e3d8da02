// What only an open world does: dead peers, slots that are taken over, strangers.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "comm/tcp/socket.h"
#include "comm/tcp/stream.h"
#include "comm/worlds.h"

namespace switchyard::comm {
namespace {

using Content = std::vector<std::byte>;

constexpr std::size_t kRanks = 3;

LateRank come(std::uint32_t rank) {
  auto late = join_open_world({RankId(rank), kRanks, "127.0.0.1"}, {});
  EXPECT_TRUE(late.has_value());
  return std::move(late).value();
}

// Works on both ends until `done`; false after many rounds.
template <class Done>
bool work(std::initializer_list<Transport*> ends, Done done) {
  const SteadyClock clock;
  const auto deadline = Deadline::after(clock, std::chrono::seconds(30));
  for (std::uint32_t round = 0; !deadline.passed(clock); ++round) {
    if (done()) return true;
    for (Transport* end : ends) end->wait_a_moment(round);
  }
  return false;
}

std::optional<Arrival> await(Transport& at, Transport& other) {
  std::optional<Arrival> arrival;
  (void)work({&at, &other}, [&] {
    (void)other.probe(Channel::kCombine).has_value();
    arrival = at.probe(Channel::kDispatch).value();
    return arrival.has_value();
  });
  return arrival;
}

bool sent(Transport& from, Transport& to, SendTicket ticket) {
  return work({&from, &to}, [&] { return from.send_done(ticket).value(); });
}

TEST(OpenWorld, WhatIsSentBeforeThePeerCameWaitsForIt) {
  auto low = come(0);
  auto high = come(1);
  const Content content(100'000, std::byte{7});
  const auto ticket = high.transport->send(RankId(0), Channel::kDispatch, content);
  ASSERT_TRUE(ticket.has_value());
  EXPECT_FALSE(high.transport->send_done(*ticket).value());
  high.transport->attach(RankId(0), low.address);  // the lower one connects
  low.transport->attach(RankId(1), high.address);
  const auto arrival = await(*low.transport, *high.transport);
  ASSERT_TRUE(arrival.has_value());
  EXPECT_EQ(arrival->from, RankId(1));
  Content got(arrival->bytes);
  // The sender must go on writing while this side reads: two threads in life, a large buffer here.
  ASSERT_TRUE(low.transport->receive(*arrival, got).has_value());
  EXPECT_EQ(got, content);
  EXPECT_TRUE(sent(*high.transport, *low.transport, *ticket));
}

TEST(OpenWorld, SendsToAPeerThatDiedComeToAnEnd) {
  auto low = come(0);
  auto high = come(1);
  low.transport->attach(RankId(1), high.address);
  const Content content(1 << 20, std::byte{1});
  std::vector<SendTicket> tickets;
  for (int i = 0; i < 20; ++i) {  // more than the connection takes unread
    tickets.push_back(low.transport->send(RankId(1), Channel::kDispatch, content).value());
  }
  high.transport.reset();
  for (const SendTicket ticket : tickets) {
    EXPECT_TRUE(
        work({low.transport.get()}, [&] { return low.transport->send_done(ticket).value(); }));
  }
  const auto late = low.transport->send(RankId(1), Channel::kDispatch, content);
  ASSERT_TRUE(late.has_value());
  EXPECT_TRUE(low.transport->send_done(*late).value());
}

TEST(OpenWorld, SendsToALostRankThatNeverCameComeToAnEnd) {
  auto high = come(2);
  const Content content(10);
  const auto ticket = high.transport->send(RankId(0), Channel::kDispatch, content);
  ASSERT_TRUE(ticket.has_value());
  EXPECT_FALSE(high.transport->send_done(*ticket).value());
  high.transport->set_lost(RankId(0), Transport::Lost::kYes);
  EXPECT_TRUE(high.transport->send_done(*ticket).value());
}

// A message that its sender does not finish ends with its connection, not with the deadline.
TEST(OpenWorld, AMessageThatStopsHalfWayIsAnErrorOfItsPeer) {
  auto high = come(1);
  const auto address = tcp::Address::parse(high.address);
  ASSERT_TRUE(address.has_value());
  tcp::Socket raw = tcp::begin_connect(*address).value();
  const auto hello = tcp::Hello{RankId(0), 1, address->token}.encode();
  const tcp::Header bytes = 1000;
  ASSERT_TRUE(work({high.transport.get()}, [&] {
    return ::send(raw.get(), hello.data(), hello.size(), MSG_NOSIGNAL) > 0;
  }));
  ASSERT_GT(::send(raw.get(), &bytes, sizeof bytes, MSG_NOSIGNAL), 0);
  ASSERT_GT(::send(raw.get(), "abc", 3, MSG_NOSIGNAL), 0);
  std::optional<Arrival> arrival;
  ASSERT_TRUE(work({high.transport.get()}, [&] {
    arrival = high.transport->probe(Channel::kDispatch).value();
    return arrival.has_value();
  }));
  raw.close();
  Content got(arrival->bytes);
  const auto received = high.transport->receive(*arrival, got);
  ASSERT_FALSE(received.has_value());
  EXPECT_EQ(received.error().code, ErrorCode::kPeer);
  EXPECT_EQ(received.error().scope, ErrorScope::kPeer);
}

// A sender that is in no view yet is no dead one: what it has begun is waited for.
TEST(OpenWorld, AMessageOfAnAbsentRankIsWaitedFor) {
  TransportLimits limits;
  limits.lost_wait_max = Duration::zero();
  auto high = join_open_world({RankId(1), kRanks, "127.0.0.1"}, limits).value();
  high.transport->set_lost(RankId(0), Transport::Lost::kAbsent);
  const auto address = tcp::Address::parse(high.address);
  ASSERT_TRUE(address.has_value());
  const tcp::Socket raw = tcp::begin_connect(*address).value();
  const auto hello = tcp::Hello{RankId(0), 1, address->token}.encode();
  const tcp::Header bytes = 6;
  ASSERT_TRUE(work({high.transport.get()}, [&] {
    return ::send(raw.get(), hello.data(), hello.size(), MSG_NOSIGNAL) > 0;
  }));
  ASSERT_GT(::send(raw.get(), &bytes, sizeof bytes, MSG_NOSIGNAL), 0);
  ASSERT_GT(::send(raw.get(), "abc", 3, MSG_NOSIGNAL), 0);
  std::optional<Arrival> arrival;
  ASSERT_TRUE(work({high.transport.get()}, [&] {
    arrival = high.transport->probe(Channel::kDispatch).value();
    return arrival.has_value();
  }));
  std::promise<void> waits;
  std::thread sender([&, begun = waits.get_future()] {
    begun.wait();
    (void)::send(raw.get(), "def", 3, MSG_NOSIGNAL);
  });
  Content got(arrival->bytes);
  waits.set_value();
  const auto received = high.transport->receive(*arrival, got);
  sender.join();
  ASSERT_TRUE(received.has_value()) << received.error().message;
  EXPECT_EQ(std::memcmp(got.data(), "abcdef", 6), 0);
}

// Both ends live and follow one more view: what broke between them is made again.
TEST(OpenWorld, ABrokenConnectionIsMadeAgain) {
  auto low = come(0);
  TransportLimits hasty;
  hasty.receive_wait_max = Duration::zero();
  auto high = join_open_world({RankId(1), kRanks, "127.0.0.1"}, hasty).value();
  const auto attach = [&] {
    low.transport->attach(RankId(1), high.address);
    high.transport->attach(RankId(0), low.address);
  };
  attach();
  const Content large(std::size_t{64} << 20);  // more than a socket takes
  const auto lost = low.transport->send(RankId(1), Channel::kDispatch, large);
  ASSERT_TRUE(lost.has_value());
  const auto arrival = await(*high.transport, *low.transport);
  ASSERT_TRUE(arrival.has_value());
  Content got(arrival->bytes);
  EXPECT_EQ(high.transport->receive(*arrival, got).error().code, ErrorCode::kPeer);
  ASSERT_TRUE(sent(*low.transport, *high.transport, *lost));  // it goes nowhere
  attach();
  const Content small(100, std::byte{5});
  const auto ticket = low.transport->send(RankId(1), Channel::kDispatch, small);
  ASSERT_TRUE(ticket.has_value());
  const auto again = await(*high.transport, *low.transport);
  ASSERT_TRUE(again.has_value());
  ASSERT_EQ(again->bytes, small.size());
  got.resize(again->bytes);
  ASSERT_TRUE(high.transport->receive(*again, got).has_value());
  EXPECT_EQ(got, small);
  EXPECT_TRUE(sent(*low.transport, *high.transport, *ticket));
}

TEST(OpenWorld, AStrangerIsShownOut) {
  auto high = come(1);
  auto address = tcp::Address::parse(high.address).value();
  address.token[3] ^= std::byte{1};
  tcp::Socket raw = tcp::begin_connect(address).value();
  const auto hello = tcp::Hello{RankId(0), 1, address.token}.encode();
  ASSERT_TRUE(work({high.transport.get()}, [&] {
    return ::send(raw.get(), hello.data(), hello.size(), MSG_NOSIGNAL) > 0;
  }));
  std::byte answer{};
  EXPECT_TRUE(work({high.transport.get()}, [&] {
    (void)high.transport->probe(Channel::kDispatch).has_value();
    return ::recv(raw.get(), &answer, 1, 0) == 0;  // its end
  }));
}

// Life after life in one slot: each is reached at its own address.
TEST(OpenWorld, ASlotIsTakenOverAgainAndAgain) {
  auto world = make_local_world(kRanks, {});
  auto first = make_open_world(std::move(world[0]), {});
  world[2].reset();
  const Content content(50, std::byte{9});
  for (int life = 0; life < 3; ++life) {
    auto late = come(2);
    first->attach(RankId(2), late.address);
    const auto ticket = first->send(RankId(2), Channel::kDispatch, content);
    ASSERT_TRUE(ticket.has_value());
    const auto arrival = await(*late.transport, *first);
    ASSERT_TRUE(arrival.has_value());
    Content got(arrival->bytes);
    ASSERT_TRUE(late.transport->receive(*arrival, got).has_value());
    EXPECT_EQ(got, content);
    EXPECT_TRUE(first->send_done(*ticket).value());
  }
}

TEST(OpenWorld, AddressesAreReadAndWritten) {
  const std::string text = "10.1.2.3:4567/000102030405060708090a0b0c0d0eff";
  const auto address = tcp::Address::parse(text);
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->text(), text);
  for (const char* wrong :
       {"", "host", "1.2.3.4:5", "1.2.3.4/00", "1.2.3.4:x/000102030405060708090a0b0c0d0eff",
        "1.2.3.4:99999/000102030405060708090a0b0c0d0eff", "1.2.3.4:5/00",
        "name:5/000102030405060708090a0b0c0d0eff", "1.2.3.4:5/0g0102030405060708090a0b0c0d0eff"}) {
    EXPECT_FALSE(tcp::Address::parse(wrong).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace switchyard::comm
