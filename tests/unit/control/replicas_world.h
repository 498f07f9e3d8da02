// tests/unit/control/replicas_world.h -- a small cluster under a controller whose client asks for
// other numbers of copies or for plans of its own. Thread safety: shared objects: unsafe.
#pragma once

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {

// Rank 0 routes, 1, 2 and 3 hold experts; whoever comes after them is a spare.
struct ReplicasWorld {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 4;
    out.change_deadline = std::chrono::seconds(100);
    out.balancing.window = std::chrono::seconds(6);
    out.balancing.copies_per_view = 4;
    return out;
  }
  explicit ReplicasWorld(const ControllerOptions& from = options()) : bench(from) {
    client = bench.connect(PeerKind::kClient);
    for (std::uint32_t r = 0; r < from.ranks; ++r) {
      Register asks = ControllerBench::rank(r, r == 0  ? RankKind::kRouter
                                               : r < 4 ? RankKind::kExpert
                                                       : RankKind::kSpare);
      asks.region = r == 3 ? "us" : "eu";
      agents.push_back(bench.join(asks));
    }
    play_out();
  }
  Answer say(const Message& wish) {
    bench.say(client, wish);
    const auto answers = bench.heard<Answer>(client);
    return answers.empty() ? Answer{} : answers.back();
  }
  Answer ask(Wish wish, std::uint32_t amount) { return say(Command{wish, amount}); }
  // Plays along, a view at a time, until nothing moves any more; how many views came.
  std::size_t play_out() {
    Epoch newest;
    std::size_t views = 0;
    for (int quiet = 0; quiet < 4; ++quiet) {
      for (const ConnectionId agent : agents) {
        if (bench.closed(agent)) continue;
        for (const Prepare& prepare : bench.heard<Prepare>(agent)) {
          bench.say(agent, Prepared{prepare.view->epoch, {}});
          quiet = 0;
        }
        for (const Commit& commit : bench.heard<Commit>(agent)) {
          if (commit.view->epoch > newest) {
            if (view) loads_most = std::max(loads_most, loads_between(*view, *commit.view));
            view = commit.view;
            newest = commit.view->epoch;
            ++views;
          }
          bench.say(agent, Adopted{commit.view->epoch});
          quiet = 0;
        }
      }
      bench.pass(std::chrono::milliseconds(250));
    }
    return views;
  }
  // The first view that is asked for, and nothing of what comes after it; false: none was.
  bool play_one_view() {
    std::shared_ptr<const placement::View> first;
    for (int i = 0; i < 8; ++i) {
      for (const ConnectionId agent : agents) {
        for (const Prepare& prepare : bench.heard<Prepare>(agent)) {
          if (!first) first = prepare.view;
          if (prepare.view->epoch == first->epoch) bench.say(agent, Prepared{first->epoch, {}});
        }
        for (const Commit& commit : bench.heard<Commit>(agent)) {
          view = commit.view;
          bench.say(agent, Adopted{commit.view->epoch});
        }
      }
      bench.pass(std::chrono::milliseconds(250));
    }
    return view == first || (first && view->epoch == first->epoch);
  }
  // A new controller with the journal of the old; all ranks come back to it.
  void come_back() {
    bench.restart();
    client = bench.connect(PeerKind::kClient);
    for (std::uint32_t r = 0; r < agents.size(); ++r) {
      Register asks = ControllerBench::rank(r, r == 0 ? RankKind::kRouter : RankKind::kExpert);
      asks.region = r == 3 ? "us" : "eu";
      asks.incarnation = Incarnation(1);
      asks.epoch = view->epoch;
      agents[r] = bench.join(asks);
    }
  }
  std::pair<std::size_t, std::size_t> copies() const {
    std::pair<std::size_t, std::size_t> out{SIZE_MAX, 0};
    for (std::size_t l = 0; l < kBenchLayers; ++l) {
      for (std::uint32_t e = 0; e < kBenchExperts; ++e) {
        const auto count = view->placement.replicas(l, ExpertId(e)).size();
        out = {std::min(out.first, count), std::max(out.second, count)};
      }
    }
    return out;
  }
  nlohmann::json status() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now));
  }
  // Ranks report `pairs` of each of their experts, of which rank 1's are `skew` times as busy.
  void work(double skew) {
    for (std::uint32_t r = 1; r < 4; ++r) {
      LoadReport report;
      report.seconds = 0.25;
      report.busy_share = 0.5;
      report.serve_seconds = 0.125;
      report.memory_share = 0.1;
      report.expert_pairs.resize(kBenchLayers * kBenchExperts);
      for (std::size_t l = 0; l < kBenchLayers; ++l) {
        for (const ExpertId expert : view->placement.experts_of(l, RankId(r))) {
          const auto copies = view->placement.replicas(l, expert);
          const double pairs = expert == ExpertId(0) ? 1000 * skew : 1000;
          report.expert_pairs[l * kBenchExperts + expert.index()] =
              static_cast<std::uint64_t>(pairs / static_cast<double>(copies.size()));
        }
      }
      bench.load(agents[r], report);
    }
  }

  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
  std::shared_ptr<const placement::View> view;
  std::size_t loads_most = 0;  // copies that came with one view, after the first

 private:
  static std::size_t loads_between(const placement::View& before, const placement::View& after) {
    std::size_t loads = 0;
    for (std::size_t l = 0; l < kBenchLayers; ++l) {
      for (std::uint32_t e = 0; e < kBenchExperts; ++e) {
        const auto old = before.placement.replicas(l, ExpertId(e));
        for (const auto& copy : after.placement.replicas(l, ExpertId(e))) {
          loads += std::ranges::find(old, copy.rank, &placement::Replica::rank) == old.end();
        }
      }
    }
    return loads;
  }
};

}  // namespace switchyard::control
