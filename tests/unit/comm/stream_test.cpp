// A connection of the open world by itself: what waits in it, and what is said first.
#include "comm/tcp/stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <vector>

namespace switchyard::comm::tcp {
namespace {

// As a connection that is not up yet, a full one takes nothing at first.
TEST(Stream, AGreetingThatCannotLeaveAtOnceIsSaidLater) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  Socket here(ends[0]);
  const Socket there(ends[1]);
  const std::vector<std::byte> filling(1 << 16);
  std::size_t filled = 0;
  for (ssize_t went = 0; went >= 0; filled += static_cast<std::size_t>(went)) {
    went = ::send(here.get(), filling.data(), filling.size(), MSG_NOSIGNAL);
    if (went < 0) break;
  }
  std::vector<Outgoing> sends(1);
  Stream stream(sends, 100);
  const Hello hello{RankId(3), 1, {}};
  stream.use(std::move(here), hello);
  EXPECT_TRUE(stream.unsent());
  std::vector<std::byte> got(filled);
  for (std::size_t read = 0; read < filled;) {
    const auto came = ::recv(there.get(), got.data(), filled - read, 0);
    ASSERT_GT(came, 0);
    read += static_cast<std::size_t>(came);
  }
  stream.pump();
  EXPECT_FALSE(stream.unsent());
  Hello::Wire wire{};
  ASSERT_EQ(::recv(there.get(), wire.data(), wire.size(), 0), static_cast<ssize_t>(wire.size()));
  const auto said = Hello::decode(wire);
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->from, RankId(3));
}

}  // namespace
}  // namespace switchyard::comm::tcp
