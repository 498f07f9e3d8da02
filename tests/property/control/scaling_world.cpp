#include "tests/property/control/scaling_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace switchyard::control {
namespace {

constexpr double kTickSeconds = 0.5;
constexpr auto kPerTick = static_cast<std::uint64_t>(kRequestsPerRankSecond * kTickSeconds);

enum class Stage { kParked, kActivating, kServing, kDraining };

struct Worker {
  Stage stage = Stage::kParked;
  std::uint64_t serving_count = 0;  // requests taken in the last tick
  std::uint64_t taken_count = 0;    // since the last decision
  double ready_at_seconds = 0;
};

class World {
 public:
  explicit World(const ScalingWorldOptions& options)
      : options_(options),
        scaler_(Autoscaler::create(options.config).value()),
        workers_(options.ranks + options.spares) {
    for (std::size_t i = 0; i < options.ranks; ++i) workers_[i].stage = Stage::kServing;
  }

  ScalingHistory run(double seconds) {
    const auto ticks = static_cast<std::uint64_t>(seconds / kTickSeconds);
    const auto per_decision =
        static_cast<std::uint64_t>(to_seconds(options_.config.interval) / kTickSeconds);
    for (std::uint64_t tick = 1; tick <= ticks; ++tick) {
      now_seconds_ = static_cast<double>(tick) * kTickSeconds;
      advance_requests();
      advance_actions();
      if (tick % per_decision == 0) decide();
    }
    for (const Worker& worker : workers_) history_.waiting += worker.serving_count;
    history_.waiting += queue_;
    history_.ranks_end = count(Stage::kServing);
    return history_;
  }

 private:
  [[nodiscard]] std::size_t count(Stage stage) const {
    return static_cast<std::size_t>(std::ranges::count(workers_, stage, &Worker::stage));
  }

  void advance_requests() {
    owed_ += options_.requests_per_second(now_seconds_) * kTickSeconds;
    const auto whole = static_cast<std::uint64_t>(owed_);
    owed_ -= static_cast<double>(whole);
    history_.arrived += whole;
    queue_ += whole;
    const std::size_t serving = count(Stage::kServing);
    for (Worker& worker : workers_) {
      history_.completed += worker.serving_count;
      worker.serving_count = 0;
    }
    // The queue is dealt out evenly, as a router would.
    std::uint64_t left = std::min(queue_, serving * kPerTick);
    queue_ -= left;
    std::size_t hands = serving;
    for (Worker& worker : workers_) {
      if (worker.stage != Stage::kServing) continue;
      worker.serving_count = left / hands--;
      worker.taken_count += worker.serving_count;
      left -= worker.serving_count;
    }
    const double capacity = static_cast<double>(serving) * kRequestsPerRankSecond;
    delay_seconds_ = std::max(delay_seconds_, static_cast<double>(queue_) / capacity);
    history_.delay_seconds_max = std::max(history_.delay_seconds_max, delay_seconds_);
    history_.rank_seconds += static_cast<double>(serving) * kTickSeconds;
    history_.ranks_max = std::max(history_.ranks_max, serving);
  }

  void advance_actions() {
    bool busy = false;
    for (Worker& worker : workers_) {
      if (worker.stage == Stage::kActivating && now_seconds_ >= worker.ready_at_seconds) {
        worker.stage = Stage::kServing;
      }
      if (worker.stage == Stage::kDraining && worker.serving_count == 0) {
        worker.stage = Stage::kParked;
      }
      busy |= worker.stage == Stage::kActivating || worker.stage == Stage::kDraining;
    }
    if (!busy) scaler_.action_ended(now());
  }

  [[nodiscard]] TimePoint now() const {
    return TimePoint(std::chrono::round<Duration>(std::chrono::duration<double>(now_seconds_)));
  }

  [[nodiscard]] ScalingInput measure() {
    const bool missing = options_.metrics_missing && options_.metrics_missing(now_seconds_);
    ScalingInput input;
    const double could = to_seconds(options_.config.interval) * kRequestsPerRankSecond;
    for (std::uint32_t r = 0; r < workers_.size(); ++r) {
      Worker& worker = workers_[r];
      const double busy = std::min(1.0, static_cast<double>(worker.taken_count) / could);
      worker.taken_count = 0;
      if (worker.stage != Stage::kServing) continue;
      RankSample sample{RankId(r), std::nullopt, std::nullopt, std::nullopt};
      if (!missing) {
        sample.busy_share = busy;
        sample.memory_share =
            0.8 / static_cast<double>(count(Stage::kServing));  // one rank holds all
      }
      input.expert_ranks.push_back(sample);
    }
    if (!missing) input.queue_delay_us_p95 = delay_seconds_ * 1e6;
    delay_seconds_ = 0;
    input.spares_ready = count(Stage::kParked);
    return input;
  }

  void decide() {
    const bool in_flight = count(Stage::kActivating) + count(Stage::kDraining) > 0;
    const ScalingInput input = measure();
    const ScalingDecision decision = scaler_.decide(input, now());
    ASSERT_FALSE(decision.text().empty());
    if (decision.outcome != ScalingOutcome::kAct) return;
    ASSERT_FALSE(in_flight) << "two actions at once: " << decision.text();
    ASSERT_LE(decision.ranks.final, options_.config.ranks.max) << decision.text();
    ASSERT_GE(decision.ranks.final, options_.config.ranks.min) << decision.text();
    history_.actions.push_back(
        {now_seconds_, decision.ranks.direction(), decision.ranks.current, decision.ranks.final});
    if (const auto* activate = std::get_if<ActivateSpares>(&decision.action)) {
      start(activate->count);
    } else if (const auto* drain = std::get_if<DrainRanks>(&decision.action)) {
      for (const RankId rank : drain->ranks) {
        Worker& worker = workers_[rank.index()];
        ASSERT_EQ(worker.stage, Stage::kServing) << decision.text();
        worker.stage = Stage::kDraining;
        if (options_.leaving == Leaving::kDropsItsRequests) worker.serving_count = 0;
      }
    } else {
      FAIL() << "unexpected action: " << decision.text();
    }
  }

  void start(std::size_t spares) {
    for (Worker& worker : workers_) {
      if (spares == 0) return;
      if (worker.stage != Stage::kParked) continue;
      worker.stage = Stage::kActivating;
      worker.ready_at_seconds = now_seconds_ + to_seconds(options_.activation_time);
      --spares;
    }
  }

  ScalingWorldOptions options_;
  Autoscaler scaler_;
  std::vector<Worker> workers_;
  ScalingHistory history_;
  double now_seconds_ = 0;
  double owed_ = 0;  // the fraction of a request that has not arrived yet
  std::uint64_t queue_ = 0;
  double delay_seconds_ = 0;  // worst since the last decision
};

}  // namespace

ScalingHistory run_scaling_world(const ScalingWorldOptions& options, double seconds) {
  return World(options).run(seconds);
}

std::size_t direction_changes_max(const std::vector<ScalingEvent>& actions, double window_seconds) {
  std::vector<double> changes;
  for (std::size_t i = 1; i < actions.size(); ++i) {
    if (actions[i].direction != actions[i - 1].direction) changes.push_back(actions[i].seconds);
  }
  std::size_t most = 0;
  for (std::size_t from = 0, to = 0; to < changes.size(); ++to) {
    while (changes[to] - changes[from] >= window_seconds) ++from;
    most = std::max(most, to - from + 1);
  }
  return most;
}

}  // namespace switchyard::control
