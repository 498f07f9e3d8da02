#include "tests/proc/two_hosts.h"

#include <sys/stat.h>
#include <unistd.h>

namespace switchyard::tests {

TwoHosts::TwoHosts() : stem_("sy" + std::to_string(::getpid() % 100000)) {
  std::string setup = "set -e; ";
  for (int host : {0, 1}) setup += "ip netns add " + name(host) + "; ";
  setup +=
      "ip link add eth0 netns " + name(0) + " type veth peer name eth0 netns " + name(1) + "; ";
  for (int host : {0, 1}) {
    const std::string ip = "ip -n " + name(host);
    setup += ip + " addr add " + address(host) + "/24 dev eth0; ";
    setup += ip + " link set lo up; " + ip + " link set eth0 up; ";
  }
  setup += "ip netns exec " + name(1) + " unshare --uts true";
  const auto outcome = run_shell(setup);
  made_ = outcome.exit_code == 0;
  why_ = outcome.err;
  // Called by mpirun as SCRIPT HOST COMMAND...
  const auto script =
      scratch_.write("rsh", "#!/bin/bash\nshift\nexec ip netns exec " + name(1) +
                                " unshare --uts bash -c \"hostname " + name(1) + "; $*\"\n");
  ::chmod(script.c_str(), 0700);
}

TwoHosts::~TwoHosts() {
  // What was cut off is still there and waits for its controller.
  for (int host : {0, 1}) {
    (void)run_shell("kill -9 $(ip netns pids " + name(host) + ")");
  }
  (void)run_shell("ip netns delete " + name(0) + "; ip netns delete " + name(1));
}

std::string TwoHosts::name(int host) const { return stem_ + (host == 0 ? "a" : "b"); }

std::string TwoHosts::prefix() const {
  return "OMPI_MCA_plm_rsh_agent=" + scratch_.path("rsh") +
         " OMPI_MCA_oob_tcp_if_include=10.77.0.0/24 OMPI_MCA_btl_tcp_if_include=10.77.0.0/24"
         " ip netns exec " +
         name(0) + " unshare --uts sh -c 'hostname " + name(0) + "; exec \"$0\" \"$@\"'";
}

void TwoHosts::cut() const { (void)run_shell("ip -n " + name(1) + " link set eth0 down"); }

int TwoHosts::ranks_on(int host) const {
  const auto outcome = run_shell("for p in $(ip netns pids " + name(host) +
                                 "); do tr '\\0' ' ' < /proc/$p/cmdline | cut -d' ' -f2; done | "
                                 "grep -c '^rank$'");
  return outcome.out.empty() ? 0 : std::stoi(outcome.out);
}

}  // namespace switchyard::tests
