// Measures detection and recovery over real processes: kills an expert rank in mid-generation,
// trial after trial, and reads the controller's log. Detection: from the kill to the controller's
// verdict. Recovery: from the kill until every router has finished a step under the view without
// the dead rank. Not a test: it judges nothing but that the texts are right. usage: recovery_bench
// [trials] [launch flag ...]
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iomanip>
#include <random>
#include <sstream>

#include "tests/command/exactness_rows.h"
#include "tests/proc/launched_cluster.h"

namespace switchyard::tests {
namespace {

double seconds_of(const std::string& timestamp) {
  std::tm parts{};
  double fraction = 0;
  std::istringstream in(timestamp);
  in >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%S") >> fraction;
  return static_cast<double>(::timegm(&parts)) + fraction;
}

// The time of the first event of a kind after `from`; 0 where there is none.
double event_after(const std::string& log, const std::string& kind, double from) {
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || event.value("event", "") != kind) continue;
    const double at = seconds_of(event.value("ts", ""));
    if (at >= from) return at;
  }
  return 0;
}

void print(const char* what, std::vector<double> values) {
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(share * static_cast<double>(values.size())))];
  };
  fmt::print("{}: p50 {:.1f} ms, p99 {:.1f} ms, worst {:.1f} ms over {} trials\n", what,
             1e3 * at(0.5), 1e3 * at(0.99), 1e3 * values.back(), values.size());
}

int run(int trials, const Arguments& launch) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto arguments = exactness_run(prompts, {"--max-tokens", "256"});
  const auto baseline = run_alone(arguments).json()["sequences"];
  std::vector<double> detection;
  std::vector<double> recovery;
  int wrong = 0;
  for (int trial = 0; trial < trials; ++trial) {
    std::mt19937 engine(static_cast<unsigned>(trial));
    LaunchedCluster cluster(launch, arguments);
    const std::uint64_t steps = 20 + engine() % 600;
    const auto status = cluster.await([steps](const nlohmann::json& now) {
      return now["view"].is_object() && now["ranks"][0].value("steps", std::uint64_t{0}) >= steps;
    });
    const auto killed = std::chrono::system_clock::now().time_since_epoch();
    if (status)
      LaunchedCluster::send_signal(*status, 1 + static_cast<std::uint32_t>(engine() % 3), SIGKILL);
    const auto outcome = cluster.finish();
    const auto document = outcome.json();
    const bool right = outcome.exit_code == 0 && document.is_object() &&
                       document["sequences"] == baseline && document["report"]["conserved"];
    wrong += right ? 0 : 1;
    if (!right) fmt::print("trial {}: {}\n", trial, outcome.err.substr(0, 2000));
    if (!status) continue;
    const double from = std::chrono::duration<double>(killed).count();
    const std::string log = cluster.log("controller.log");
    const double dead = event_after(log, "rank_dead", from);
    const double retired = event_after(log, "epoch_retired", dead);
    if (dead > 0) detection.push_back(dead - from);
    if (dead > 0 && retired > 0) recovery.push_back(retired - from);
    std::fflush(stdout);
  }
  fmt::print("{} trials, {} wrong\n", trials, wrong);
  print("detection", detection);
  print("recovery", recovery);
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace switchyard::tests

int main(int argc, char** argv) {
  const int trials = argc > 1 ? std::atoi(argv[1]) : 30;
  switchyard::tests::Arguments launch(argv + std::min(argc, 2), argv + argc);
  if (launch.empty()) launch = {"-n", "4"};
  return switchyard::tests::run(trials, launch);
}
