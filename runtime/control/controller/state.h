// runtime/control/controller/state.h -- the inside of the Controller: its parts, and the decisions
// that tie them together, one .cpp file per subject. Not for anybody but
// runtime/control/controller. Thread safety: shared objects: unsafe.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/control/autoscaler.h"
#include "runtime/control/balancer.h"
#include "runtime/control/controller.h"
#include "runtime/control/controller/journal_events.h"
#include "runtime/control/controller/plan_from.h"
#include "runtime/control/controller/rejoin.h"
#include "runtime/control/controller/scaling_note.h"
#include "runtime/control/controller/transaction.h"
#include "runtime/control/evidence.h"
#include "runtime/control/health.h"
#include "runtime/control/journal_record.h"
#include "runtime/control/ledger.h"
#include "runtime/control/load_totals.h"
#include "runtime/control/load_window.h"
#include "runtime/control/membership.h"
#include "runtime/control/outbox.h"
#include "runtime/control/residency.h"
#include "runtime/control/retry_budget.h"
#include "runtime/control/slow_ranks.h"
#include "runtime/control/snapshot_part.h"
#include "runtime/control/watch_queue.h"
#include "runtime/placement/plan_request.h"

namespace switchyard::control {

struct Peer {
  PeerKind kind = PeerKind::kAgent;
  std::optional<Holder> agent;  // registered as
};

struct Controller::State {
  explicit State(ControllerOptions from);

  // ---- what happened (happenings.cpp, agents.cpp, clients.cpp) ----
  void handle(Happening happening);
  void on(const Disconnected& what);
  void on(Received& what);
  void on(JournalNews& news);
  void on_tick();
  // Says why, closes, and takes the connection for broken. Nothing else is disturbed.
  void reject(ConnectionId connection, const std::string& reason);
  void from_agent(ConnectionId connection, Message& message);
  void from_client(ConnectionId connection, Message& message);
  void register_agent(ConnectionId connection, const Register& asks);
  [[nodiscard]] std::shared_ptr<const placement::View> view_for(RankId rank) const;
  void welcome_back(const Holder& who, const Register& asks);
  // Each answers with what is wrong with the message, or with nothing.
  using Complaint = std::optional<std::string>;
  Complaint take(const Holder& from, const Heartbeat& beat);
  Complaint take(const Holder& from, LoadReport& report);
  Complaint take(const Holder& from, const Evidence& seen);
  Complaint take(const Holder& from, const Prepared& said);
  Complaint take(const Holder& from, const Adopted& said);
  Complaint take(const Holder& from, const Progress& word);
  Complaint take(const Holder& from, Finished& word);
  Complaint take(const Holder& from, const Goodbye& said);
  Complaint take(const Holder& from, const Event& told);
  [[nodiscard]] Complaint complaint_about(const Register& asks) const;
  void submit(ConnectionId client, Submit& wish);
  void obey(ConnectionId client, const Command& command);
  [[nodiscard]] Answer scale(std::uint32_t experts);
  [[nodiscard]] Answer drain(RankId rank);
  [[nodiscard]] Answer undrain(RankId rank);
  [[nodiscard]] Answer rebalance();
  [[nodiscard]] Answer set_replicas(std::uint32_t replicas);
  [[nodiscard]] Answer place(const std::string& text);
  [[nodiscard]] std::string busy() const;
  void watch(ConnectionId client);
  void feed_watchers();
  // Marks it delivered; nothing where it is not kept any more.
  [[nodiscard]] std::optional<Message> telling(const WatchQueue::Item& item);
  void depart(RankLeft left);
  void end_now();
  void shut_down();

  // ---- scaling by load (scaling.cpp) ----
  void make_autoscaler();
  void scale_by_load();
  void tell_autoscaler(const Command& command);
  [[nodiscard]] bool fresh_load(RankId rank) const;
  [[nodiscard]] ScalingInput scaling_input() const;
  [[nodiscard]] std::optional<double> rank_imbalance(const Roles& roles) const;
  [[nodiscard]] std::vector<RankId> spawnable() const;
  void grow_by_processes(std::uint32_t experts, std::size_t count);
  void perform(const ScalingAction& action, std::uint32_t experts);
  void change_replicas(std::uint32_t replicas);

  // ---- changes that were asked for end (deadlines.cpp) ----
  void settle_changes();
  void settle_scale();
  // For as long as a scaling may take: processes that it waits for have their own time to come.
  [[nodiscard]] Duration scale_time() const;
  void check_changes();
  [[nodiscard]] std::string change_time() const;
  void stop_planned(const std::string& why);
  void take_back_drain(RankId rank, const std::string& when);
  void take_back_hopeless_drains();
  void give_work_again(RankId rank);
  // The life that was to go has gone by itself.
  void end_drain(RankId rank);
  void take_back_scale();
  void take_back_rebalance();

  // ---- copies of each expert (replicas.cpp) ----
  void begin_replicas(std::uint32_t replicas);
  void move_to_replicas();
  // Of a view with other roles: while their number changes no more than before, so that nobody
  // loads all the others at once.
  [[nodiscard]] std::uint32_t replicas_at_once() const;
  // Of the experts that have any, in the view.
  [[nodiscard]] std::size_t fewest_copies() const;
  // Copies that deaths took, or a change which was taken back.
  void restore_replicas();
  [[nodiscard]] bool restores_replicas() const {
    return rebalance_under_way && rebalance_under_way->moves_for == MovesFor::kReplicas &&
           !replica_change;
  }
  // Experts of the view with fewer copies than are wanted and there are ranks for: of all expert
  // ranks, or of a rule's regions; or none in a region that is to have one.
  [[nodiscard]] std::size_t under_replicated() const;
  void no_way_to_replicas(const std::string& why);
  void replicas_done();
  void take_back_replicas(const std::string& why);

  // ---- placements by load (planning.cpp, rebalancing.cpp) ----
  [[nodiscard]] RepairRequest repair_request(std::vector<RankId> targets, std::size_t replicas,
                                             Evenness evenness, const Roles& roles) const;
  [[nodiscard]] std::vector<std::set<RankId>> region_groups(const Roles& roles) const;
  [[nodiscard]] std::vector<std::set<RankId>> regions_to_reach(const Roles& roles) const;
  [[nodiscard]] placement::PlanRequest plan_request(const Roles& roles) const;
  [[nodiscard]] double pairs_per_move() const;
  [[nodiscard]] double move_cost(const placement::PlanRequest& request) const;
  [[nodiscard]] Result<CopyTable> plan(const Roles& roles, PlanFrom from);
  void plan_by_load(const Roles& roles, CopyTable& table);
  void balance_by_load();
  [[nodiscard]] std::optional<Roles> roles_to_balance() const;
  [[nodiscard]] bool consider_rebalance(BalancingOccasion occasion);
  // Nothing is under way after it where no way to the goal was found.
  void begin_moves(const placement::Placement& goal, const Roles& roles, MovesFor moves_for);
  [[nodiscard]] bool follow_batches();
  void end_rebalance(MoveState how, const std::string& text);
  void note_begin(MovesFor moves_for, const std::string& text);
  // Nothing where none is under way that is to be noted.
  void note_end(MoveState how, const std::string& text);
  [[nodiscard]] std::optional<Proposal> propose_rebalance();

  // ---- residency rules (regions.cpp) ----
  [[nodiscard]] bool serves(const ResidencyRule& rule, const Roles& roles) const;
  // Of a rule that is served by `held` and would not be by `next`: what it would lack.
  [[nodiscard]] std::optional<std::string> broken_rule(const Roles& held, const Roles& next) const;
  [[nodiscard]] bool may_leave(RankId expert, const Roles& roles) const;
  // At most `count` of the expert ranks, those in front first, that may go together.
  [[nodiscard]] std::vector<RankId> leavers(const std::vector<RankId>& order,
                                            std::size_t count) const;
  void fill_rules(Roles& want) const;
  [[nodiscard]] std::set<std::string> vacated_regions(const std::set<RankId>& gone) const;
  [[nodiscard]] std::vector<std::uint32_t> allowed_slots(const std::string& regime) const;
  [[nodiscard]] Complaint fixed_region(const Register& asks) const;

  // ---- life and death (lives.cpp) ----
  void connection_lost(RankId rank, const std::string& reason);
  // Agents leave a controller that stands still for longer, and come back to it.
  static constexpr Duration kStandstillMax{5'000'000'000};
  void note_standstill();
  void declare_dead(RankId rank, const std::string& reason);
  [[nodiscard]] RankLeft last_words(RankId rank) const;
  void replace(RankId rank);
  void spawn(RankId slot);
  void expect_process(RankId rank);
  void replace_missing();
  void give_up_spawns();
  void leave(RankId rank, const Goodbye& words);
  void forget_breakers(RankId rank);
  void judge_all();
  void note_computing(RankId rank, const Heartbeat& beat);  // computing.cpp
  [[nodiscard]] HealthVerdict judge(RankId rank) const;
  [[nodiscard]] std::size_t routers_at_work(RankId besides) const;
  [[nodiscard]] std::size_t routers_able(RankId silent) const;
  [[nodiscard]] bool only_holder(RankId rank, const std::string& regime) const;
  [[nodiscard]] bool member(RankId rank) const;
  // Has not failed to prepare of late.
  [[nodiscard]] bool fit(RankId rank) const { return members.at(rank).unfit_until <= now; }
  // May be given a role or experts now.
  [[nodiscard]] bool usable(RankId rank) const;
  void stop_when_all_left();

  // ---- before the first view (starting.cpp) ----
  [[nodiscard]] bool settled_at_start(RankId rank) const;
  [[nodiscard]] Roles first_roles() const;
  [[nodiscard]] std::optional<Proposal> propose_first();
  void count_new_life(RankId rank);

  // ---- views that the journal does not know (unknown_views.cpp) ----
  [[nodiscard]] bool may_have_been_made(Epoch epoch) const;
  void hear_of(RankId rank, Epoch epoch);
  [[nodiscard]] bool follows_unknown(RankId rank) const;
  [[nodiscard]] bool unknown_followed() const;
  [[nodiscard]] bool rejoining();
  [[nodiscard]] bool undone(Epoch epoch) const;
  [[nodiscard]] std::set<RankId> unable_members() const;
  [[nodiscard]] Proposal propose_known_again() const;

  // ---- views (views.cpp, proposals.cpp) ----
  void settle_views();
  [[nodiscard]] std::optional<Proposal> propose();
  [[nodiscard]] std::optional<Proposal> propose_recovery(const std::set<RankId>& dead);
  [[nodiscard]] std::optional<Proposal> propose_roles();
  [[nodiscard]] std::optional<Proposal> propose_asking_again();
  [[nodiscard]] bool idle(RankId rank) const;
  void begin(Proposal proposal);
  [[nodiscard]] Result<std::shared_ptr<const placement::View>> make_view(const Proposal& proposal,
                                                                         Epoch epoch) const;
  [[nodiscard]] Loading who_must_load(const placement::View& next) const;
  void commit(std::shared_ptr<const placement::View> next, Seats next_seats,
              const std::string& cause);
  void follow(std::shared_ptr<const placement::View> next, Seats next_seats);
  void roll_back(const std::string& reason);
  void note_loading(RankId rank, const Heartbeat& beat);
  void check_deadline();
  // The change under way is a batch of moves, which wished for no ranks.
  [[nodiscard]] bool batch_under_way() const {
    return transaction && rebalance_under_way &&
           rebalance_under_way->pending == transaction->view->epoch;
  }
  // Of a planned change: other ranks may do what one could not, but not for ever.
  [[nodiscard]] bool worth_another_try();
  void give_up_wish();
  void lower_wish(std::uint32_t experts, std::uint32_t routers);
  void retire_old();
  [[nodiscard]] Seats seats_of(const placement::View& of) const;
  [[nodiscard]] std::set<RankId> dead_members(const Seats& of) const;
  // Not one of `taken`; in one of the regions rather than elsewhere.
  [[nodiscard]] std::optional<RankId> find_spare(bool (*can)(RankKind), const Roles& taken,
                                                 const std::set<std::string>& regions = {}) const;
  [[nodiscard]] std::vector<RankId> usable_of(const std::set<RankId>& ranks) const;
  // Those, or in want of them who failed before.
  [[nodiscard]] std::vector<RankId> loaders_of(const std::set<RankId>& ranks) const;
  [[nodiscard]] bool lost_any() const;  // may come back, as all after a restart
  void fill_roles(Roles& want, const std::set<RankId>& gone = {}) const;
  // `want` brought to the targets, as far as there are ranks and the residency rules allow.
  [[nodiscard]] Roles to_targets(Roles want) const;
  // Nothing: each of them is needed by a residency rule.
  [[nodiscard]] std::optional<RankId> first_to_leave(const Roles& roles) const;
  void forget_chosen();
  void wait_for_ranks(const std::string& why);

  // ---- whether it can serve (serving.cpp) ----
  [[nodiscard]] bool loaders_gone();
  // Why no request can be answered now; empty: one can.
  [[nodiscard]] std::string unserved() const;

  // ---- requests (requests.cpp, moving.cpp) ----
  void settle_requests();
  void assign_waiting();
  void end_never_started();
  void end_waiting();
  [[nodiscard]] WaitingLine::Regimes end_unsatisfiable();
  [[nodiscard]] bool end_hopeless(const Request& request);
  void pay_for_retries();
  [[nodiscard]] std::optional<std::string> missing_of(const std::string& regime);
  // The router to take it; nothing: those that may have no room.
  [[nodiscard]] std::optional<RankId> choose_router(const Request& request) const;
  std::size_t take_back(RankId router, std::size_t count, const char* why);
  [[nodiscard]] bool move_unbegun();
  void give(RequestId id, RankId router);
  enum class Again : std::uint8_t {
    kOwing,   // its next try has to be paid for
    kAtOnce,  // it is nobody's fault
  };
  void release(RequestId id, const std::string& why, Again again = Again::kOwing);
  void request_left(RankId router);
  // Refused where it was, by no fault of its own: it waits for another view or another router.
  [[nodiscard]] bool release_refused(const Holder& from, const Finished& word);
  void release_all(const Holder& holder, const std::string& why);
  void end_request(RequestId id, const std::string& error);
  void fail_open(const std::string& error);

  // ---- journal and status (replay.cpp, snapshot.cpp, status.cpp) ----
  [[nodiscard]] Result<void> replay(const JournalRecord& record);
  [[nodiscard]] Result<void> replay_request(const JournalRecord& record);
  void replay_event(RankId rank, const Event& event);
  void replay_command(const Command& command);
  void expect_rejoin();
  void abandon_moves();
  [[nodiscard]] std::vector<std::vector<std::byte>> snapshot() const;
  // The parts at the front of the records; answers how many there were.
  [[nodiscard]] Result<std::size_t> restore(const std::vector<std::vector<std::byte>>& records);
  [[nodiscard]] Result<void> restore(const SnapshotHead& head);
  [[nodiscard]] Result<void> restore(const SnapshotSlot& slot);
  [[nodiscard]] Result<void> restore(SnapshotRequest& request);
  [[nodiscard]] std::string status() const;
  [[nodiscard]] nlohmann::json rank_status(RankId rank) const;
  [[nodiscard]] nlohmann::json scaling_json() const;

  void send(RankId rank, Message message) {
    outbox.send(members.at(rank).connection, std::move(message));
  }
  void send_all(const Message& message);

  ControllerOptions options;  // constant, as the residency
  Residency residency;

  // the parts
  Outbox outbox;
  Membership members;
  Ledger ledger;
  std::optional<RetryBudget> retries;  // from the first handle() on
  bool retries_short = false;
  Random random;  // of the waits before another try
  EvidenceBook evidence;
  SlowRanks slow_ranks;
  LoadTotals totals;
  std::optional<ScalingNumbers> scaling_numbers;  // of the autoscaler's last decision
  std::map<ConnectionId, Peer> peers;
  std::map<std::pair<RankId, RankId>, std::string> breakers;  // a router said last of a peer's
  WatchQueue watch_queue;
  std::optional<ModelFacts> model;
  std::optional<Autoscaler> autoscaler;  // nothing: scaled by command only
  LoadWindow window;
  Balancer balancer;

  // views
  std::shared_ptr<const placement::View> view;  // committed; null before the first
  Seats seats;                                  // its lives
  std::optional<Transaction> transaction;
  Epoch last_epoch;  // given to a view, committed or not
  Epoch retired;     // nothing below is in use
  std::uint32_t target_experts = 0;
  std::uint32_t target_routers = 0;
  std::size_t failed_changes = 0;  // planned, in a row
  std::set<RankId> leave_first;    // expert ranks that the autoscaler chose to go
  bool rebalance_wanted = false;
  std::optional<TimePoint> rebalance_wanted_until;
  std::optional<Rebalance> rebalance_under_way;
  MoveNote last_move;
  std::uint32_t target_replicas = 1;            // copies of each expert
  std::optional<ReplicaChange> replica_change;  // to target_replicas, under way
  bool copies_owed = false;                     // fewer were wanted, and then not: some may be gone
  TimePoint restored_not_before{};
  // under_replicated() of that view and target: it is asked after every happening.
  struct ShortOfCopies {
    Epoch epoch;
    std::uint32_t replicas = 0;
    std::size_t experts = 0;
  };
  mutable ShortOfCopies short_of_copies;
  std::map<RankId, TimePoint> drains;    // asked for and not done: until when
  std::optional<TimePoint> scale_until;  // the target of expert ranks is to be met by then
  std::string last_undone;               // why a planned view was rolled back last
  std::optional<ScalingNote> scaled_last;
  TimePoint planned_not_before{};
  Rejoin rejoin;
  TimePoint rejoin_until{};  // after a standstill: broken connections are no deaths yet
  TimePoint whole_since{};   // no member dead and no recovery under way
  std::map<RankId, std::uint32_t> asked_again;  // routers that stand still: how often

  // the run
  RunPhase phase = RunPhase::kRunning;
  TimePoint leave_by{};
  bool ending_now = false;
  std::string journal_trouble;  // empty: every record is kept
  std::vector<RankLeft> departed;
  std::map<std::string, std::optional<std::string>> missing_by_regime;  // under the view
  std::string waiting_for;   // ranks that recovery lacks; empty: none
  TimePoint loaders_seen{};  // when it lacked none, or one was to come
  std::uint32_t spawned = 0;
  TimePoint started{};
  TimePoint router_seen{};  // when there was one last
  std::optional<TimePoint> last_tick;
  bool unsettled = false;           // something happened that views or requests may have to follow
  bool requests_unsettled = false;  // that requests alone may have to follow
  TimePoint now{};                  // of the handle() that runs
};

}  // namespace switchyard::control
