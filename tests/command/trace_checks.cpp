#include "tests/command/trace_checks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

namespace switchyard::tests {
namespace {

using nlohmann::json;

// Whole nanoseconds: times are printed as microseconds with three decimals.
std::int64_t ns(const json& us) { return std::llround(us.get<double>() * 1000); }

struct Interval {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::string name;
};

Interval interval_of(const json& event) {
  const std::int64_t begin = ns(event["ts"]);
  return {begin, begin + ns(event["dur"]), event["name"].get<std::string>()};
}

// Names an exchange of a router; a leg and a job name the other side beside it.
using Key = std::tuple<int, int, int, int>;
Key key_of(const json& args) {
  return {args["epoch"].get<int>(), args["step"].get<int>(), args["layer"].get<int>(),
          args["micro_batch"].get<int>()};
}

using Share = std::tuple<int, int, Key>;  // router, expert rank

std::uint64_t sum(const std::vector<json>& events, const char* arg, const json& pid,
                  const char* end = nullptr) {
  std::uint64_t total = 0;
  for (const auto& event : events) {
    if (event["pid"] != pid || (end != nullptr && event["args"]["end"] != end)) continue;
    total += event["args"][arg].get<std::uint64_t>();
  }
  return total;
}

std::uint64_t count(const std::vector<json>& events, const json& pid) {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(events, [&](const json& event) { return event["pid"] == pid; }));
}

}  // namespace

std::vector<json> events_named(const json& trace, const std::string& name,
                               const std::string& phase) {
  std::vector<json> found;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == phase && event["name"] == name) found.push_back(event);
  }
  return found;
}

void expect_spans_nest(const json& trace) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<Interval>> rows;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    rows[{event["pid"].get<std::uint64_t>(), event["tid"].get<std::uint64_t>()}].push_back(
        interval_of(event));
  }
  EXPECT_FALSE(rows.empty());
  for (auto& [row, spans] : rows) {
    std::ranges::stable_sort(spans, [](const Interval& a, const Interval& b) {
      return std::tuple(a.begin, -a.end) < std::tuple(b.begin, -b.end);
    });
    std::vector<Interval> open;
    for (const auto& span : spans) {
      while (!open.empty() && open.back().end <= span.begin) open.pop_back();
      if (!open.empty()) {
        EXPECT_LE(span.end, open.back().end)
            << "rank " << row.first << " row " << row.second << ": " << span.name << " in "
            << open.back().name << " at " << span.begin << " ns";
      }
      open.push_back(span);
    }
  }
}

void expect_exchanges_are_whole(const json& trace) {
  std::map<Share, Interval> jobs;
  for (const auto& job : events_named(trace, "job")) {
    jobs[{job["args"]["router"].get<int>(), job["pid"].get<int>(), key_of(job["args"])}] =
        interval_of(job);
  }
  std::map<std::pair<int, Key>, std::set<int>> peers;
  std::map<Share, Interval> legs;
  for (const auto& leg : events_named(trace, "leg")) {
    const int router = leg["pid"].get<int>();
    const int peer = leg["args"]["peer"].get<int>();
    const Key key = key_of(leg["args"]);
    peers[{router, key}].insert(peer);
    legs[{router, peer, key}] = interval_of(leg);
    if (leg["args"]["end"] != "answered") continue;
    const auto job = jobs.find({router, peer, key});
    ASSERT_NE(job, jobs.end()) << leg.dump();
    EXPECT_LE(legs[job->first].begin, job->second.begin) << leg.dump();
    EXPECT_GE(legs[job->first].end, job->second.end) << leg.dump();
  }
  const auto exchanges = events_named(trace, "exchange");
  EXPECT_FALSE(exchanges.empty());
  for (const auto& exchange : exchanges) {
    const int router = exchange["pid"].get<int>();
    const Key key = key_of(exchange["args"]);
    const auto named = exchange["args"]["peers"].get<std::set<int>>();
    EXPECT_FALSE(named.empty()) << exchange.dump();
    EXPECT_EQ(named, (peers[{router, key}])) << exchange.dump();
    const Interval whole = interval_of(exchange);
    for (const int peer : named) {
      const Interval leg = legs[{router, peer, key}];
      EXPECT_LE(whole.begin, leg.begin) << exchange.dump();
      EXPECT_GE(whole.end, leg.end) << exchange.dump();
    }
  }
}

void expect_counts_match(const json& trace, const json& report) {
  const auto exchanges = events_named(trace, "exchange");
  const auto legs = events_named(trace, "leg");
  const auto jobs = events_named(trace, "job");
  const auto batches = events_named(trace, "serve");
  for (const auto& rank : report["ranks"]) {
    const json& pid = rank["rank"];
    EXPECT_EQ(rank["trace_spans_dropped"], 0);
    EXPECT_EQ(count(exchanges, pid), rank["exchanges"]) << rank.dump();
    EXPECT_EQ(sum(exchanges, "rows", pid), rank["rows_dispatched"]) << rank.dump();
    EXPECT_EQ(sum(exchanges, "pairs", pid), rank["pairs_dispatched"]) << rank.dump();
    EXPECT_EQ(sum(legs, "pairs", pid, "answered"), rank["pairs_answered"]) << rank.dump();
    EXPECT_EQ(count(batches, pid), rank["batches_served"]) << rank.dump();
    EXPECT_EQ(sum(batches, "pairs", pid), rank["pairs_served"]) << rank.dump();
    EXPECT_EQ(sum(batches, "jobs", pid), count(jobs, pid)) << rank.dump();
    EXPECT_EQ(sum(jobs, "pairs", pid), rank["pairs_served"]) << rank.dump();
    std::uint64_t by_expert = 0;
    for (const auto& batch : batches) {
      if (batch["pid"] != pid) continue;
      for (const auto& pairs : batch["args"]["experts"]) by_expert += pairs.get<std::uint64_t>();
    }
    EXPECT_EQ(by_expert, rank["pairs_served"]) << rank.dump();
    EXPECT_EQ(count(events_named(trace, "dispatch"), pid), rank["exchanges"]);
    EXPECT_EQ(count(events_named(trace, "wait"), pid) + rank["exchanges_replayed"].get<int>(),
              rank["exchanges"]);
    EXPECT_EQ(count(events_named(trace, "combine"), pid), count(events_named(trace, "wait"), pid));
  }
}

}  // namespace switchyard::tests
