#include "tests/proc/launched_cluster.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iomanip>
#include <sstream>

namespace switchyard::tests {
namespace {

double seconds_of(const std::string& timestamp) {
  std::tm parts{};
  double fraction = 0;
  std::istringstream in(timestamp);
  in >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%S") >> fraction;
  return static_cast<double>(::timegm(&parts)) + fraction;
}

constexpr std::size_t kLinesShown = 80;

std::string last_lines(const std::string& text, std::size_t count) {
  std::size_t at = text.size();
  for (std::size_t i = 0; i <= count && at != 0 && at != std::string::npos; ++i) {
    at = text.rfind('\n', at - 1);
  }
  return at == std::string::npos || at == 0 ? text : text.substr(at + 1);
}

}  // namespace

LaunchedCluster::LaunchedCluster(const Arguments& launch, const Arguments& command,
                                 std::string prefix)
    : prefix_(std::move(prefix)) {
  Arguments all = {"launch", "--dir", scratch_.path("run")};
  all.insert(all.end(), launch.begin(), launch.end());
  all.insert(all.end(), command.begin(), command.end());
  outcome_ = std::async(std::launch::async, [this, all] { return run_prefixed(prefix_, all); });
}

LaunchedCluster::~LaunchedCluster() {
  if (!::testing::Test::HasFailure()) return;
  for (const char* name : {"controller.log", "ranks.log"}) {
    fmt::print("---- {}:\n{}", name, last_lines(log(name), kLinesShown));
  }
}

nlohmann::json LaunchedCluster::status() const {
  return run_prefixed(prefix_, {"status", "--json", "--run-file", scratch_.path("run/run.json")})
      .json();
}

bool LaunchedCluster::await_event(const std::string& kind, std::size_t number) {
  while (running()) {
    if (count_events(events(), kind) >= number) return true;
    (void)go_on(std::chrono::milliseconds(1));
  }
  return false;
}

Outcome LaunchedCluster::command(Arguments arguments) const {
  arguments.insert(arguments.end(), {"--run-file", scratch_.path("run/run.json")});
  return run_prefixed(prefix_, arguments);
}

bool LaunchedCluster::running() const { return go_on(std::chrono::seconds(0)); }

bool LaunchedCluster::go_on(std::chrono::duration<double> time) const {
  return outcome_.wait_for(time) != std::future_status::ready;
}

void LaunchedCluster::send_signal(const nlohmann::json& status, std::uint32_t rank, int signal) {
  const auto pid = status.at("ranks").at(rank).at("pid").get<pid_t>();
  if (pid > 0) ::kill(pid, signal);
}

pid_t LaunchedCluster::controller() const {
  const auto run = nlohmann::json::parse(read_file(scratch_.path("run/run.json")), nullptr, false);
  return run.is_object() ? run.at("pid").get<pid_t>() : 0;
}

void LaunchedCluster::signal_controller(int signal) const {
  if (const pid_t pid = controller(); pid > 0) ::kill(pid, signal);
}

// `launch` is the controller's parent.
void LaunchedCluster::interrupt() const {
  std::istringstream lines(read_file(fmt::format("/proc/{}/status", controller())));
  const std::string key = "PPid:";
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key)) ::kill(std::stoi(line.substr(key.size())), SIGINT);
  }
}

Outcome LaunchedCluster::finish() { return outcome_.get(); }

std::string LaunchedCluster::log(const std::string& name) const { return read_file(path(name)); }

std::string LaunchedCluster::path(const std::string& name) const {
  return scratch_.path("run/" + name);
}

std::vector<LoggedEvent> LaunchedCluster::events() const {
  std::vector<LoggedEvent> out;
  std::istringstream lines(log("controller.log"));
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || !event.contains("event")) continue;
    out.push_back(
        {seconds_of(event.value("ts", "")), event.value("event", ""), event.value("msg", "")});
  }
  return out;
}

void LaunchedCluster::keep(const std::string& folder) const {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  std::filesystem::copy(
      scratch_.path("run"), folder,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing,
      ignored);
}

double wall_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

std::size_t count_events(const std::vector<LoggedEvent>& events, const std::string& kind) {
  return static_cast<std::size_t>(std::ranges::count(events, kind, &LoggedEvent::kind));
}

std::optional<LoggedEvent> event_after(const std::vector<LoggedEvent>& events,
                                       const std::string& kind, double from) {
  const auto found = std::ranges::find_if(
      events, [&](const LoggedEvent& event) { return event.kind == kind && event.at >= from; });
  if (found == events.end()) return std::nullopt;
  return *found;
}

}  // namespace switchyard::tests
