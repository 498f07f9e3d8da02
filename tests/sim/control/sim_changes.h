// tests/sim/control/sim_changes.h -- what must hold of changes that are asked for, by people and by
// the autoscaler: one at a time, within the limits, and with rests between those of the autoscaler.
// Judged from the journal and the events alone. Thread safety: shared objects: unsafe.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "runtime/control/scaling_config.h"
#include "tests/sim/control/sim_checker.h"

namespace switchyard::control {

class SimChanges {
 public:
  explicit SimChanges(SimChecker& checker) : checker_(checker) {}

  // What the autoscaler was told to keep to.
  void expect(const ScalingConfig& config, std::uint32_t replicas, std::uint32_t spawns_max);
  // After the checker has seen them.
  void on_record(const JournalRecord& record, TimePoint now);
  void on_event(const Event& event);
  // A controller has come back: the rests begin anew, nothing is being prepared.
  void on_controller();

  // Expert ranks are wanted and not there yet.
  [[nodiscard]] bool scaling() const noexcept { return wanted_.has_value(); }
  [[nodiscard]] std::uint32_t spawned() const noexcept { return spawned_; }
  // Changes of size by the autoscaler that were begun.
  [[nodiscard]] std::size_t acts() const noexcept { return acts_; }

 private:
  void on_command(const Command& command, TimePoint now);
  void on_word(RankId rank, const Event& event, TimePoint now);
  void begin(const std::string& what);
  void begin_scaling(std::uint32_t wanted, TimePoint now);
  void check_act(std::uint32_t wanted, TimePoint now);
  void settle(TimePoint now);
  void end_scaling(TimePoint now);

  SimChecker& checker_;
  ScalingConfig config_ = no_scaling();
  std::uint32_t spawns_max_ = 0;
  std::uint32_t spawned_ = 0;
  std::uint64_t replicas_ = 1;     // wanted of each expert
  std::optional<Epoch> prepared_;  // a view that is on its way
  std::optional<std::uint32_t> wanted_;
  bool replicas_change_ = false;
  std::set<RankId> drains_;

  // ---- the autoscaler's ----
  bool decided_ = false;  // it has said that it acts, and has not begun
  bool wanted_by_it_ = false;
  int direction_ = 0;  // of its last act; 0: none
  std::optional<TimePoint> turned_;
  std::optional<TimePoint> ended_;
  std::size_t acts_ = 0;
};

}  // namespace switchyard::control
