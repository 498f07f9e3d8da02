#include "launcher/cluster_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

namespace switchyard::launcher {
namespace {

using nlohmann::json;

const json& part(const json& document, const char* key) {
  static const json kNothing;
  if (!document.is_object()) return kNothing;
  const auto found = document.find(key);
  return found == document.end() ? kNothing : *found;
}

std::string text_of(const json& document, const char* key) {
  const json& value = part(document, key);
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::optional<double> number_of(const json& document, const char* key) {
  const json& value = part(document, key);
  if (!value.is_number()) return std::nullopt;
  return value.get<double>();
}

std::string shown(std::optional<double> number, int decimals, double scale = 1) {
  return number ? fmt::format("{:.{}f}", *number * scale, decimals) : "-";
}

const json& member_of(const json& rank, const json& status) {
  static const json kNothing;
  for (const json& member : part(part(status, "view"), "members")) {
    if (part(member, "rank") == part(rank, "rank")) return member;
  }
  return kNothing;
}

std::string role_of(const json& rank, const json& member) {
  const bool router = part(member, "router") == true;
  const bool expert = part(member, "expert") == true;
  if (router || expert) return router && expert ? "router+expert" : router ? "router" : "expert";
  if (text_of(rank, "state") != "live") return "-";
  return part(rank, "cordoned") == true ? "drained" : "spare";
}

std::string place_of(const json& rank) {
  const std::string region = text_of(rank, "region");
  const std::string zone = text_of(rank, "zone");
  if (region.empty() || region == "-") return "-";
  return zone.empty() || zone == "-" ? region : region + "/" + zone;
}

// What is wrong; nothing where nothing is.
std::string reason_of(const json& rank) {
  const std::string health = text_of(rank, "health");
  std::string text = text_of(rank, "health_text");
  if (health == "healthy" || text == "-") return {};
  if (text.starts_with(health + ": ")) text.erase(0, health.size() + 2);
  return text;
}

constexpr std::size_t kColumns = 11;
using Row = std::array<std::string, kColumns>;

Row row_of(const json& rank, const json& status) {
  const json& member = member_of(rank, status);
  return {text_of(rank, "rank"),
          role_of(rank, member),
          text_of(rank, "state"),
          text_of(rank, "health"),
          place_of(rank),
          text_of(rank, "host"),
          shown(number_of(rank, "busy_share"), 0, 100),
          shown(number_of(rank, "tokens_per_s"), 1),
          text_of(rank, "open_requests"),
          shown(number_of(rank, "rss_bytes"), 0, 1.0 / (1024 * 1024)),
          reason_of(rank)};
}

std::size_t count_of(const json& status, const char* role) {
  std::size_t count = 0;
  for (const json& member : part(part(status, "view"), "members")) {
    count += part(member, role) == true ? 1U : 0U;
  }
  return count;
}

// How the ranks that are there are: a rank whose first load report has not come serves, and its
// health is unknown (ARCHITECTURE), which is not the same as bad.
std::string live_ranks(const json& status) {
  std::size_t live = 0;
  std::map<std::string, std::size_t> by_health;
  for (const json& rank : part(status, "ranks")) {
    if (text_of(rank, "state") != "live") continue;
    ++live;
    ++by_health[text_of(rank, "health")];
  }
  std::string out =
      fmt::format("{} of {} ranks live", live, text_of(part(status, "cluster"), "slots"));
  const char* between = ": ";
  const auto tell = [&](const std::string& health, std::size_t count) {
    out += fmt::format("{}{} {}", std::exchange(between, ", "), count, health);
  };
  if (const auto good = by_health.extract("healthy")) tell(good.key(), good.mapped());
  for (const auto& [health, count] : by_health) tell(health, count);
  return out;
}

}  // namespace

double tokens_per_second(const json& status) {
  double sum = 0;
  for (const json& rank : part(status, "ranks")) {
    const bool gone = text_of(rank, "state") == "dead" || text_of(rank, "state") == "left";
    if (!gone) sum += number_of(rank, "tokens_per_s").value_or(0);
  }
  return sum;
}

std::vector<std::string> summary_lines(const json& status) {
  const json& cluster = part(status, "cluster");
  const json& requests = part(status, "requests");
  const json& scaling = part(status, "scaling");
  std::vector<std::string> lines;
  lines.push_back(fmt::format("cluster   {}, epoch {}; {}; {} routers, {} expert ranks",
                              text_of(cluster, "phase"), text_of(part(status, "view"), "epoch"),
                              live_ranks(status), count_of(status, "router"),
                              count_of(status, "expert")));
  lines.push_back(fmt::format(
      "requests  {} submitted, {} open ({} waiting), {} done; {:.1f} tokens/s",
      text_of(requests, "submitted"), text_of(requests, "open"), text_of(requests, "waiting"),
      text_of(requests, "done"), tokens_per_second(status)));
  const json& autoscaler = part(part(status, "parts"), "autoscaler");
  const std::string desired = text_of(scaling, "desired_experts");
  lines.push_back(fmt::format(
      "scaling   {} expert ranks, {} wanted; autoscaler {}", text_of(scaling, "current_experts"),
      desired == "-" ? text_of(scaling, "target_experts") : desired, text_of(autoscaler, "mode")));
  const json& balancer = part(part(status, "parts"), "balancer");
  if (const auto age = number_of(balancer, "last_run_age_s")) {
    lines.push_back(fmt::format("balancer  {}, {:.1f} s ago: {}", text_of(balancer, "mode"), *age,
                                text_of(balancer, "last_text")));
  }
  if (const json& move = part(balancer, "last_move"); move.is_object()) {
    lines.push_back(fmt::format("moves     for {}, {}: {}", text_of(move, "for"),
                                text_of(move, "state"), text_of(move, "text")));
  }
  const json& journal = part(part(status, "parts"), "journal");
  if (const auto trouble = text_of(journal, "trouble"); trouble != "-" && !trouble.empty()) {
    lines.push_back("journal   " + trouble);
  }
  const auto masked = number_of(part(status, "view"), "experts_masked");
  if (masked.value_or(0) > 0)
    lines.push_back(fmt::format("masked    {} experts are on no rank", *masked));
  const auto few = number_of(part(status, "view"), "experts_under_replicated");
  if (few.value_or(0) > 0)
    lines.push_back(fmt::format("copies    {} experts have fewer than are wanted", *few));
  if (const json& change = part(status, "transaction"); change.is_object()) {
    lines.push_back(fmt::format("change    epoch {} is being prepared: {}",
                                text_of(change, "epoch"), text_of(change, "cause")));
  }
  if (const auto waiting = text_of(cluster, "waiting_for"); waiting != "-" && !waiting.empty()) {
    lines.push_back("waiting   " + waiting);
  }
  return lines;
}

std::vector<std::string> rank_lines(const json& status) {
  std::vector<Row> rows = {{"rank", "role", "state", "health", "region", "host", "busy%", "tok/s",
                            "open", "MiB", "why"}};
  for (const json& rank : part(status, "ranks")) rows.push_back(row_of(rank, status));
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t c = 0; c < kColumns; ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::vector<std::string> lines;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < kColumns; ++c) {
      const bool number = c == 0 || (c >= 6 && c <= 9);
      line += number ? fmt::format("{:>{}}  ", row[c], widths[c])
                     : fmt::format("{:<{}}  ", row[c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> event_lines(const json& status, std::size_t most) {
  const json& events = part(status, "events");
  std::vector<std::string> lines;
  if (!events.is_array()) return lines;
  for (std::size_t i = events.size() > most ? events.size() - most : 0; i < events.size(); ++i) {
    lines.push_back(fmt::format("{:>8} s ago  {:<18} {}", shown(number_of(events[i], "age_s"), 1),
                                text_of(events[i], "kind"), text_of(events[i], "text")));
  }
  return lines;
}

}  // namespace switchyard::launcher
