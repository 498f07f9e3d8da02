// runtime/net/guests.h -- the connections of the admin port in the order in which they came, and
// which of them makes room for a new one: whoever fills the house with silence keeps nobody out who
// has something to ask. Not their reading and writing (admin_http.h).
// Thread safety: the server's thread only.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>

#include "runtime/net/deadline_socket.h"

namespace switchyard::net {

class Guests {
 public:
  using Socket = std::shared_ptr<DeadlineSocket>;
  // What a guest waits for: nothing that is known yet; a page that everybody may see; something
  // that it has shown the token for.
  enum class Asks { kNothing, kOpenPage, kWithToken };

  void enter(Socket socket) { guests_.push_back({std::move(socket), Asks::kNothing}); }
  void leave(const Socket& socket) {
    std::erase_if(guests_, [&](const Guest& guest) { return guest.socket == socket; });
  }
  void asks(const Socket& socket, Asks what) {
    for (Guest& guest : guests_) {
      if (guest.socket == socket) guest.asks = what;
    }
  }
  // The oldest of those that ask for nothing, or of those that ask for an open page; null where
  // everybody has shown the token: none of these gives way.
  [[nodiscard]] Socket first_to_go() const {
    for (const Asks what : {Asks::kNothing, Asks::kOpenPage}) {
      const auto found = std::ranges::find(guests_, what, &Guest::asks);
      if (found != guests_.end()) return found->socket;
    }
    return nullptr;
  }
  [[nodiscard]] std::size_t size() const noexcept { return guests_.size(); }
  void close_all() const {
    for (const Guest& guest : guests_) guest.socket->close();
  }

 private:
  struct Guest {
    Socket socket;
    Asks asks;
  };
  std::deque<Guest> guests_;
};

}  // namespace switchyard::net
