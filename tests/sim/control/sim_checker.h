// tests/sim/control/sim_checker.h -- what must hold at every moment, whatever goes wrong: judged
// from what the controller writes to its journal and sends, and from what the processes do. Knows
// nothing of the controller's inside. Thread safety: shared objects: unsafe.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/control/controller.h"
#include "runtime/control/controller_options.h"
#include "runtime/control/journal_record.h"

namespace switchyard::control {

// The undisturbed run: the tokens of request number n.
[[nodiscard]] std::vector<std::uint32_t> true_tokens(std::uint32_t request);
[[nodiscard]] std::vector<std::byte> pack(const std::vector<std::uint32_t>& tokens);
[[nodiscard]] std::vector<std::uint32_t> unpack(const std::vector<std::byte>& payload);
// What `rank` holds under the view: layer * experts + expert.
[[nodiscard]] std::set<std::size_t> own_experts(const placement::View& view, RankId rank);

class SimChecker {
 public:
  // Under kMask a committed view may lack experts, under kFail a request may end with expert_lost.
  void expect(LossPolicy loss) { loss_ = loss; }
  void on_record(const JournalRecord& record);
  // The end of the journal, oldest first: the controller died and it is not there. What it said of
  // views was told all the same; who follows those, sees to it that none comes again (SimProcess).
  void on_lost(const std::vector<JournalRecord>& records);
  void on_send(const Message& message);
  // A result has reached the client, on its connection number `connection`.
  void on_done(std::uint32_t connection, const RequestDone& done);
  // Of the last committed view: fewest copies of an expert that has any, and its expert ranks.
  [[nodiscard]] std::size_t fewest_copies() const noexcept { return fewest_copies_; }
  [[nodiscard]] std::size_t expert_ranks() const noexcept { return expert_ranks_; }
  [[nodiscard]] std::size_t masked() const noexcept { return masked_; }
  // Experts of it that have a copy, but none in some region that has expert ranks.
  [[nodiscard]] std::size_t not_everywhere() const noexcept { return not_everywhere_; }
  // What the controller says of itself is true.
  void on_event(const Event& event);
  void violation(const std::string& what) { violations_.push_back(what); }

  // The life that goes on in the slot by the journal; 0: none.
  [[nodiscard]] Incarnation life(RankId rank) const;
  // The life that was a member of the committed view; 0: none.
  [[nodiscard]] Incarnation seat(Epoch epoch, RankId rank) const;
  // A member of the last committed view is not what it was.
  [[nodiscard]] bool member_died() const;
  [[nodiscard]] const std::set<std::string>& done() const noexcept { return done_; }
  [[nodiscard]] Epoch committed() const noexcept { return committed_; }
  // By the journal: a rebalance or a client's plan was accepted, and no end of it was told.
  [[nodiscard]] bool moving() const noexcept { return moving_; }
  [[nodiscard]] const std::vector<std::string>& violations() const noexcept { return violations_; }

 private:
  void on_commit(const std::shared_ptr<const placement::View>& committed);
  void measure(const placement::View& view);
  void check_masked(const placement::View& view);
  void on_view(const std::shared_ptr<const placement::View>& view);

  LossPolicy loss_ = LossPolicy::kReload;
  std::size_t fewest_copies_ = 0;
  std::size_t expert_ranks_ = 0;
  std::size_t not_everywhere_ = 0;
  std::size_t masked_ = 0;       // of the last committed view
  std::size_t masked_told_ = 0;  // by events since
  std::map<RankId, Incarnation> lives_;
  std::map<Epoch, std::map<RankId, Incarnation>> seats_;
  std::map<Epoch, std::vector<std::byte>> views_;  // as first told
  std::map<Epoch, std::shared_ptr<const placement::View>> told_;
  std::map<Epoch, std::shared_ptr<const placement::View>> made_;  // in the journal
  Epoch committed_;
  bool moving_ = false;
  std::set<std::string> done_;
  std::map<std::string, RequestId> ids_;
  std::set<std::pair<std::uint32_t, RequestId>> heard_;
  std::vector<std::string> violations_;
};

}  // namespace switchyard::control
