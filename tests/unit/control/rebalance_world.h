// tests/unit/control/rebalance_world.h -- a small cluster under a controller whose agents report
// skewed loads, for tests of rebalancing by load. Thread safety: shared objects: unsafe.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {

// Rank 0 routes, 1 and 2 hold experts (experts 0-3 and 4-7), 3 is a spare.
struct RebalanceWorld {
  static ControllerOptions options(BalancingMode mode = BalancingMode::kOff) {
    ControllerOptions out;
    out.ranks = 4;
    out.spares = 1;
    out.balancing.mode = mode;
    out.balancing.window = std::chrono::seconds(6);
    out.balancing.interval = std::chrono::seconds(2);
    out.balancing.cooldown = std::chrono::seconds(20);
    out.balancing.copies_per_view = 2;
    return out;
  }
  explicit RebalanceWorld(const ControllerOptions& from) : bench(from) {
    client = bench.connect(PeerKind::kClient);
    bench.say(client, Command{Wish::kWatch, 0});
    const RankKind kinds[] = {RankKind::kRouter, RankKind::kExpert, RankKind::kExpert,
                              RankKind::kSpare};
    for (std::uint32_t r = 0; r < 4; ++r) agents.push_back(bench.join(r, kinds[r]));
    bench.play_along(agents);
    (void)bench.heard<Answer>(client);
  }
  // A second of work: each expert's pairs are reported by a rank that holds it. Skewed: experts 0
  // and 1 of each layer, both on rank 1, have most of the load.
  void serve(double busy_share = 0.6) {
    std::vector<LoadReport> reports(agents.size());
    for (auto& report : reports) {
      report.seconds = 1;
      report.busy_share = busy_share;
      report.serve_seconds = busy_share;
      report.expert_pairs.resize(kBenchLayers * kBenchExperts);
    }
    for (std::size_t i = 0; i < kBenchLayers * kBenchExperts; ++i) {
      reports[1].expert_pairs[i] = i % kBenchExperts < 2 ? 40'000 : 1'000;
    }
    for (std::size_t r = 0; r < agents.size(); ++r) {
      if (!bench.closed(agents[r])) bench.say(agents[r], reports[r]);
    }
  }
  void work(int seconds_of_it) {
    for (int i = 0; i < seconds_of_it; ++i) {
      serve();
      bench.pass(std::chrono::seconds(1));
    }
  }
  // Plays along, a view at a time, until nothing moves any more; the views that came.
  std::vector<placement::View> play_out() {
    std::vector<placement::View> views;
    for (int quiet = 0; quiet < 5; ++quiet) {
      for (const ConnectionId agent : agents) {
        if (bench.closed(agent)) continue;
        for (const Prepare& prepare : bench.heard<Prepare>(agent)) {
          bench.say(agent, Prepared{prepare.view->epoch, {}});
          quiet = 0;
        }
        for (const Commit& commit : bench.heard<Commit>(agent)) {
          if (views.empty() || views.back().epoch < commit.view->epoch) {
            views.push_back(*commit.view);
          }
          bench.say(agent, Adopted{commit.view->epoch});
          quiet = 0;
        }
      }
      bench.pass(std::chrono::milliseconds(100));
    }
    return views;
  }
  nlohmann::json status() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now));
  }
  nlohmann::json balancer() { return status()["parts"]["balancer"]; }
  std::string ask(Wish wish, std::uint32_t amount = 0) {
    bench.say(client, Command{wish, amount});
    const auto answers = bench.heard<Answer>(client);
    return answers.empty() ? "nothing" : answers.back().code;
  }
  std::size_t count(const std::string& event) const {
    return static_cast<std::size_t>(std::ranges::count(bench.events, event));
  }

  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
};

}  // namespace switchyard::control
