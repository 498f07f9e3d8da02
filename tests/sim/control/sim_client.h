// tests/sim/control/sim_client.h -- a client that submits requests, watches, and comes back when
// its connection breaks: what was not taken is submitted again. Thread safety: shared objects:
// unsafe.
#pragma once

#include "tests/sim/control/sim_process.h"

namespace switchyard::control {

class SimClient final : public SimPeer {
 public:
  SimClient(SimWorld& world, std::uint32_t requests) : world_(world), requests_(requests) {}

  void connect();
  void drop_connection();
  void ask(Command command);
  [[nodiscard]] bool finished() const { return world_.checker.done().size() == requests_; }

  void on_message(const Message& message) override;
  void on_broken() override;

 private:
  void submit_all();

  SimWorld& world_;
  std::uint32_t requests_;
  ConnectionId connection_;
  bool watching_ = false;
};

}  // namespace switchyard::control
