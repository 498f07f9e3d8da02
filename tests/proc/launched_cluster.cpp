#include "tests/proc/launched_cluster.h"

#include <signal.h>

namespace switchyard::tests {

LaunchedCluster::LaunchedCluster(const Arguments& launch, const Arguments& command,
                                 std::string prefix)
    : prefix_(std::move(prefix)) {
  Arguments all = {"launch", "--dir", scratch_.path("run")};
  all.insert(all.end(), launch.begin(), launch.end());
  all.insert(all.end(), command.begin(), command.end());
  outcome_ = std::async(std::launch::async, [this, all] { return run_prefixed(prefix_, all); });
}

nlohmann::json LaunchedCluster::status() const {
  return run_prefixed(prefix_, {"status", "--json", "--run-file", scratch_.path("run/run.json")})
      .json();
}

Outcome LaunchedCluster::command(Arguments arguments) const {
  arguments.insert(arguments.end(), {"--run-file", scratch_.path("run/run.json")});
  return run_prefixed(prefix_, arguments);
}

bool LaunchedCluster::running() const {
  return outcome_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

void LaunchedCluster::send_signal(const nlohmann::json& status, std::uint32_t rank, int signal) {
  const auto pid = status.at("ranks").at(rank).at("pid").get<pid_t>();
  if (pid > 0) ::kill(pid, signal);
}

void LaunchedCluster::signal_controller(int signal) const {
  const auto run = nlohmann::json::parse(read_file(scratch_.path("run/run.json")), nullptr, false);
  if (run.is_object()) ::kill(run.at("pid").get<pid_t>(), signal);
}

Outcome LaunchedCluster::finish() { return outcome_.get(); }

std::string LaunchedCluster::log(const std::string& name) const {
  return read_file(scratch_.path("run/" + name));
}

}  // namespace switchyard::tests
