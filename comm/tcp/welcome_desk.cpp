#include "comm/tcp/welcome_desk.h"

#include <sys/socket.h>

#include <cerrno>

namespace switchyard::comm::tcp {
namespace {

constexpr Duration kPatience = std::chrono::seconds(5);
constexpr std::size_t kGuestsMax = 1024;

}  // namespace

Result<WelcomeDesk> WelcomeDesk::open(const std::string& host) {
  WelcomeDesk desk;
  SY_ASSIGN(auto listening, listen_on(host));
  desk.listening_ = std::move(listening.socket);
  SY_ASSIGN(const auto token, make_token());
  desk.address_ = {host, listening.port, token};
  return desk;
}

WelcomeDesk::Verdict WelcomeDesk::hear(Guest& guest, std::optional<Hello>& hello) const {
  while (guest.got < guest.said.size()) {
    const auto came =
        ::recv(guest.socket.get(), guest.said.data() + guest.got, guest.said.size() - guest.got, 0);
    const bool later = came < 0 && (errno == EAGAIN || errno == EINTR);
    if (later) return guest.until.passed(clock_) ? Verdict::kShowOut : Verdict::kWait;
    if (came <= 0) return Verdict::kShowOut;
    guest.got += static_cast<std::size_t>(came);
  }
  hello = Hello::decode(guest.said);
  return hello && same(hello->token, address_.token) ? Verdict::kSeat : Verdict::kShowOut;
}

void WelcomeDesk::receive(const Seat& seat) {
  while (guests_.size() < kGuestsMax) {
    Socket socket = accept_one(listening_);
    if (!socket.is_open()) break;
    guests_.push_back({std::move(socket), {}, 0, Deadline::after(clock_, kPatience)});
  }
  std::erase_if(guests_, [&](Guest& guest) {
    std::optional<Hello> hello;
    const Verdict verdict = hear(guest, hello);
    if (verdict == Verdict::kSeat) seat(*hello, std::move(guest.socket));
    return verdict != Verdict::kWait;
  });
}

}  // namespace switchyard::comm::tcp
