#include "tests/proc/tide.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <regex>

namespace switchyard::tests {
namespace {

constexpr int kPromptTokens = 100;

// A hundred tokens each, no two prompts alike.
std::string prompt_line(int number, double at_s) {
  nlohmann::json tokens = nlohmann::json::array();
  for (int t = 0; t < kPromptTokens; ++t) tokens.push_back((number * 31 + t * 7) % 1000);
  return nlohmann::json{{"id", std::to_string(number)}, {"tokens", tokens}, {"at_ms", 1000 * at_s}}
             .dump() +
         "\n";
}

double per_s(const Tide& tide, double at_s) {
  const bool heavy = at_s >= tide.light_s && at_s < tide.light_s + tide.heavy_s;
  return (heavy ? 3 : 1) * tide.light_per_s;
}

// Of the ranks that hold experts; 0 where one has not reported yet.
double mean_busy_share(const nlohmann::json& status) {
  double sum = 0;
  double count = 0;
  for (const auto& member : status["view"]["members"]) {
    if (member["expert"] != true) continue;
    const auto& rank = status["ranks"].at(member["rank"].get<std::size_t>());
    const auto busy = rank.find("busy_share");
    if (busy == rank.end() || !busy->is_number()) return 0;
    sum += busy->get<double>();
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

}  // namespace

Arguments tide_work(const ScratchFolder& scratch, const Tide& tide, Arrive arrive) {
  std::string lines;
  int number = 0;
  const double end = tide.light_s + tide.heavy_s + tide.ebb_s;
  for (double at = 0; at < end; at += 1 / per_s(tide, at)) {
    lines += prompt_line(number++, arrive == Arrive::kByTheClock ? at : 0);
  }
  Arguments arguments = {
      "generate",
      "--preset",
      "inference",
      "--json",
      "--quiet",
      "--ignore-eos",
      "--prompts",
      scratch.write(arrive == Arrive::kByTheClock ? "tide.jsonl" : "at_once.jsonl", lines),
      "--context",
      "256",
      "--max-tokens",
      "4"};
  for (const char* size : {"hidden=256", "layers=4", "heads=4", "kv_heads=2", "head_size=64",
                           "vocab=1000", "expert_inner=1024"}) {
    arguments.insert(arguments.end(), {"--set", std::string("model.") + size});
  }
  return arguments;
}

Arguments tide_launch(double busy_target) {
  return {"-n",          "5",
          "--spares",    "2",
          "--autoscale", "active",
          "--set",       "cluster.experts_min=2",
          "--set",       "cluster.busy_target=" + std::to_string(busy_target),
          "--set",       "cluster.autoscale_interval_ms=1000",
          "--set",       "cluster.autoscale_window_ms=4000"};
}

double usual_busy_share(double per_s) {
  const ScratchFolder scratch;
  constexpr double kSeconds = 8;
  LaunchedCluster cluster({"-n", "5", "--spares", "2"},
                          tide_work(scratch, {kSeconds, 0, 0, per_s}, Arrive::kByTheClock));
  std::vector<double> shares;
  // Asking takes time of the processors that the ranks work on: once a second is enough.
  while (cluster.go_on(std::chrono::seconds(1))) {
    const auto status = cluster.status();
    if (!status.is_object() || !status["view"].is_object()) continue;
    const double share = mean_busy_share(status);
    if (share > 0) shares.push_back(share);
  }
  if (cluster.finish().exit_code != 0 || shares.empty()) return 0;
  std::ranges::sort(shares);
  return shares[shares.size() / 2];
}

std::vector<ExpertRanks> expert_ranks_over_time(const std::vector<LoggedEvent>& events) {
  const std::regex words(R"((\d+) members)");
  std::vector<ExpertRanks> sizes;
  double first = 0;
  for (const auto& event : events) {
    std::smatch match;
    if (event.kind != "view_committed" || !std::regex_search(event.text, match, words)) continue;
    const std::size_t count = std::stoul(match[1]) - 1;  // the router is a member too
    if (sizes.empty()) first = event.at;
    if (sizes.empty() || sizes.back().count != count) sizes.push_back({event.at - first, count});
  }
  return sizes;
}

bool follows_the_tide(const std::vector<ExpertRanks>& sizes) {
  std::vector<std::size_t> counts;
  for (const auto& size : sizes) counts.push_back(size.count);
  const auto peak = std::ranges::max_element(counts);
  return !counts.empty() && counts.front() == 2 && *peak == 4 && counts.back() == 2 &&
         std::is_sorted(counts.begin(), peak) && std::is_sorted(peak, counts.end(), std::greater());
}

std::string text_of(const std::vector<ExpertRanks>& sizes) {
  std::string text;
  for (const auto& [at_s, count] : sizes) {
    text += fmt::format("{}{} at {:.1f} s", text.empty() ? "" : ", ", count, at_s);
  }
  return text;
}

}  // namespace switchyard::tests
