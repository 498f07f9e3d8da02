#include <unistd.h>

#include <array>

#include "comm/tcp/tcp_transport.h"
#include "comm/worlds.h"

namespace switchyard::comm {

std::unique_ptr<Transport> make_open_world(std::unique_ptr<Transport> inner,
                                           const TransportLimits& limits) {
  return std::make_unique<tcp::TcpTransport>(std::move(inner), limits);
}

Result<LateRank> join_open_world(const LateSeat& seat, const TransportLimits& limits) {
  if (seat.rank.index() >= seat.ranks) {
    return fail(ErrorCode::kBadInput, "slot {} of a world of {}", seat.rank.value(), seat.ranks);
  }
  SY_ASSIGN(auto desk, tcp::WelcomeDesk::open(seat.host));
  // Who else is where it does not know; all on this host is the cautious guess, which gives it the
  // smallest share of the cores.
  std::array<char, 256> name{};
  (void)::gethostname(name.data(), name.size() - 1);
  std::vector<std::string> hosts(seat.ranks, name.data());
  std::string address = desk.address();
  return LateRank{
      std::make_unique<tcp::TcpTransport>(seat.rank, std::move(hosts), std::move(desk), limits),
      std::move(address)};
}

Result<std::string> own_host_towards(const std::string& host) {
  return tcp::own_host_towards(host);
}

}  // namespace switchyard::comm
