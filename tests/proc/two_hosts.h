// tests/proc/two_hosts.h -- two hosts on one machine: network namespaces with a cable between them,
// each with its own address and host name, and a remote shell for mpirun that enters the other one.
// For tests only.
#pragma once

#include <string>

#include "tests/command/run_command.h"

namespace switchyard::tests {

class TwoHosts {
 public:
  TwoHosts();
  ~TwoHosts();
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  // False where this machine lets nobody make namespaces; `why` says what was refused.
  [[nodiscard]] bool made() const noexcept { return made_; }
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  [[nodiscard]] static std::string address(int host) {
    return host == 0 ? "10.77.0.1" : "10.77.0.2";
  }
  // What a command line begins with to run on the first host; mpirun reaches the second from there.
  [[nodiscard]] std::string prefix() const;
  // Pulls the cable.
  void cut() const;
  // Processes of this binary's ranks that run on a host.
  [[nodiscard]] int ranks_on(int host) const;

 private:
  [[nodiscard]] std::string name(int host) const;

  ScratchFolder scratch_;
  std::string stem_;
  bool made_ = false;
  std::string why_;
};

}  // namespace switchyard::tests
