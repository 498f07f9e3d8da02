// tests/sim/control/sim_process.h -- one rank as the controller's contract wants it: the reference
// for what an agent and its engine do with each message. A router makes one token per request and
// step as long as every expert answers under its view. Faults: it can be killed, stopped, cut off,
// and its engine can hang while its agent lives. Thread safety: shared objects: unsafe.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/control/sim_changes.h"
#include "tests/sim/control/sim_checker.h"
#include "tests/sim/control/sim_load.h"
#include "tests/sim/control/sim_network.h"

namespace switchyard::control {

class SimProcess;

// Mistakes that the checkers must find.
enum class Mistake : std::uint8_t {
  kNone,
  kStartsOver,     // a router that resumes a request generates its tokens again
  kAdoptsEarly,    // a router says Adopted and goes on under the old view for a while
  kForgetsEpochs,  // (controller) the journal loses what it says of views
  kNeverRests      // (controller) the autoscaler does not wait between its actions
};

struct SimWorld {
  SimTime time;
  Random random;
  SimNetwork network;
  SimChecker checker;
  SimChanges changes{checker};
  std::vector<std::unique_ptr<SimProcess>> processes;  // [ranks]
  Duration load_max = std::chrono::milliseconds(300);
  bool loads_show = false;  // heartbeats tell that a rank loads: then no load is ever too long
  Mistake mistake = Mistake::kNone;
  LossPolicy loss = LossPolicy::kReload;
  std::vector<ResidencyRule> rules;  // of request n: number n mod (rules + 1), the last is none
  bool forgetful = false;            // the end of the journal may be lost with the controller
  bool skewed = false;  // ranks report loads, of which a few drifting experts have most
  std::uint64_t skew_seed = 0;
  std::optional<SimLoad> load;  // that the autoscaler follows

  explicit SimWorld(std::uint64_t seed) : random(seed), network(time, random) {}
  // Uniform up to `most`.
  Duration some(Duration most) {
    return Duration(
        static_cast<std::int64_t>(random.next_below(static_cast<std::uint64_t>(most.count()) + 1)));
  }
  // Of request number n; null: none.
  [[nodiscard]] const ResidencyRule* rule_of(std::uint32_t number) const {
    const std::size_t i = number % (rules.size() + 1);
    return i < rules.size() ? &rules[i] : nullptr;
  }
  bool chance(double probability) { return random.next_unit() < probability; }
};

class SimProcess final : public SimPeer {
 public:
  SimProcess(SimWorld& world, RankId rank, RankKind kind, std::string region);

  void start();  // a new process in the slot
  // The same, started because the controller asked for one: a spare, reached at its own address, as
  // all that come to the slot after it.
  void start_late();
  void kill();
  void stop_until(TimePoint until) { stopped_until_ = std::max(stopped_until_, until); }
  void drop_connection();
  // The engine does nothing more; heartbeats go on. Ends when somebody starts the process anew.
  void hang() { hung_ = running_; }
  [[nodiscard]] bool running() const noexcept { return running_; }
  [[nodiscard]] bool gone() const noexcept { return said_goodbye_; }
  [[nodiscard]] bool stopped() const noexcept { return stopped_until_ > world_.time.now(); }
  [[nodiscard]] RankKind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& region() const noexcept { return region_; }
  // Was told to take no new sequences, and not to take them again.
  [[nodiscard]] bool draining() const noexcept { return draining_; }
  [[nodiscard]] bool hung() const noexcept { return hung_; }
  [[nodiscard]] bool connected() const noexcept { return welcomed_; }
  [[nodiscard]] TimePoint deaf_until() const override { return stopped_until_; }

  // Whether it answers for the expert now; `epoch`: the view of the one who asks.
  [[nodiscard]] bool serves(std::size_t expert, Epoch epoch, RankId asker);
  // Works on requests under a view that is older.
  [[nodiscard]] bool uses_older(Epoch epoch) const;

  void on_message(const Message& message) override;
  void on_broken() override;

 private:
  struct Running {
    std::uint32_t attempt = 0;
    std::uint32_t number = 0;
    std::vector<std::uint32_t> tokens;
    std::size_t made = 0;      // by this attempt
    std::set<RankId> allowed;  // empty: all
  };
  enum class Way : std::uint8_t { kOpen, kSilent, kForbidden };
  void begin_life();
  void connect();
  void post(Message message);
  void beat();
  [[nodiscard]] LoadReport load();
  void step();
  void prepare(const Prepare& prepare);
  void commit(const std::shared_ptr<const placement::View>& view);
  void assign(const Assign& assign);
  void generate();
  [[nodiscard]] Way exchange(const Running& running, std::set<RankId>& silent);
  [[nodiscard]] bool exchanges_work(std::set<RankId>& silent);
  [[nodiscard]] bool routes() const;
  // Runs only if this life still goes on; later while the process is stopped.
  void later(Duration wait, void (SimProcess::*what)());

  SimWorld& world_;
  RankId rank_;
  RankKind kind_;
  std::string region_;
  double drift_;
  bool late_ = false;
  TimePoint stopped_until_{};
  bool running_ = false;
  bool hung_ = false;
  bool said_goodbye_ = false;
  bool draining_ = false;
  bool engine_ =
      false;  // the router's part: there from the start, or made when a view calls for it
  std::uint64_t generation_ = 0;

  Incarnation life_;
  ConnectionId connection_;
  bool welcomed_ = false;
  bool refused_ = false;
  std::deque<Message> unsent_;
  std::shared_ptr<const placement::View> newest_;  // committed
  std::shared_ptr<const placement::View> view_;    // acted under
  TimePoint adopt_after_{};
  std::set<std::size_t> held_;
  std::map<Epoch, std::set<std::size_t>> prepared_;
  std::map<RequestId, Running> requests_;
  std::uint64_t steps_ = 0;
  std::uint64_t weights_read_ = 0;
  TimePoint loads_until_{};
  TimePoint stalled_since_{};
};

}  // namespace switchyard::control
