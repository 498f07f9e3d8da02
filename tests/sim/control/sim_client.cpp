#include "tests/sim/control/sim_client.h"

#include <algorithm>
#include <string>

namespace switchyard::control {
namespace {

constexpr std::uint32_t kAtOnce = 16;  // requests of one Submit

}  // namespace

void SimClient::connect() {
  watching_ = false;
  connection_ = world_.network.open(*this, PeerKind::kClient, 1'000);
  if (connection_ == ConnectionId()) {
    return world_.time.after(std::chrono::milliseconds(200), [this] { connect(); });
  }
  world_.network.to_controller(connection_, Command{Wish::kWatch, 0});
}

void SimClient::drop_connection() {
  if (connection_ != ConnectionId()) world_.network.cut(connection_);
}

void SimClient::on_broken() {
  connection_ = {};
  connect();
}

void SimClient::ask(Command command) {
  if (watching_) world_.network.to_controller(connection_, command);
}

void SimClient::on_message(const Message& message) {
  if (const auto* done = std::get_if<RequestDone>(&message)) {
    world_.checker.on_done(connection_.value(), *done);
  } else if (const auto* answer = std::get_if<Answer>(&message); answer != nullptr && !watching_) {
    watching_ = true;
    submit_all();
  }
}

// All of them on every connection: what the controller has it does not take twice.
void SimClient::submit_all() {
  for (std::uint32_t first = 0; first < requests_;) {
    Submit wish;
    for (std::uint32_t i = 0; i < kAtOnce && first < requests_; ++i, ++first) {
      NewRequest request;
      request.name = std::to_string(first);
      request.payload = pack({first});
      if (const ResidencyRule* rule = world_.rule_of(first)) request.regime = rule->regime;
      wish.requests.push_back(std::move(request));
    }
    world_.network.to_controller(connection_, std::move(wish));
  }
}

}  // namespace switchyard::control
