// comm/tcp/welcome_desk.h -- where the other ranks come to: listens, reads who is there and hands
// over those that know the token. Strangers are shown out after a few seconds. Thread safety: the
// rank's engine thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "comm/tcp/stream.h"
#include "runtime/base/clock.h"

namespace switchyard::comm::tcp {

class WelcomeDesk {
 public:
  // host: of this machine, numeric. Errors: kIo.
  [[nodiscard]] static Result<WelcomeDesk> open(const std::string& host);

  [[nodiscard]] std::string address() const { return address_.text(); }
  [[nodiscard]] int handle() const noexcept { return listening_.get(); }
  // Calls seat(hello, socket) for each that has said who it is. Blocks: no.
  using Seat = std::function<void(const Hello&, Socket)>;
  void receive(const Seat& seat);

 private:
  struct Guest {
    Socket socket;
    Hello::Wire said{};
    std::size_t got = 0;
    Deadline until;
  };
  enum class Verdict { kWait, kSeat, kShowOut };

  WelcomeDesk() = default;
  [[nodiscard]] Verdict hear(Guest& guest, std::optional<Hello>& hello) const;

  SteadyClock clock_;
  Socket listening_;
  Address address_;
  std::vector<Guest> guests_;
};

}  // namespace switchyard::comm::tcp
