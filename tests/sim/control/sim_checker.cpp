#include "tests/sim/control/sim_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/base/random.h"
#include "runtime/control/codec.h"

namespace switchyard::control {

std::vector<std::uint32_t> true_tokens(std::uint32_t request) {
  std::vector<std::uint32_t> out(4 + hash_counters(1, request) % 40);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint32_t>(hash_counters(2, request, i) % 50'000);
  }
  return out;
}

std::vector<std::byte> pack(const std::vector<std::uint32_t>& tokens) {
  std::vector<std::byte> out;
  for (const std::uint32_t token : tokens) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(token >> (8 * i)));
  }
  return out;
}

std::vector<std::uint32_t> unpack(const std::vector<std::byte>& payload) {
  std::vector<std::uint32_t> out(payload.size() / 4, 0);
  for (std::size_t i = 0; i < out.size() * 4; ++i) {
    out[i / 4] |= std::to_integer<std::uint32_t>(payload[i]) << (8 * (i % 4));
  }
  return out;
}

std::set<std::size_t> own_experts(const placement::View& view, RankId rank) {
  std::set<std::size_t> out;
  const auto& placement = view.placement;
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    for (const ExpertId e : placement.experts_of(l, rank)) {
      out.insert(l * placement.experts() + e.index());
    }
  }
  return out;
}

void SimChecker::on_record(const JournalRecord& record) {
  if (const auto* seated = std::get_if<Register>(&record.message)) {
    if (lives_[record.rank] != Incarnation()) {
      violation(fmt::format("rank {} has two lives at once", record.rank.value()));
    }
    lives_[record.rank] = seated->incarnation;
  } else if (std::holds_alternative<RankLeft>(record.message) ||
             std::holds_alternative<Goodbye>(record.message)) {
    lives_[record.rank] = Incarnation();
  } else if (const auto* commit = std::get_if<Commit>(&record.message)) {
    on_commit(commit->view);
  } else if (const auto* event = std::get_if<Event>(&record.message)) {
    if (event->kind == "moves_begun") {
      if (std::exchange(moving_, true))
        violation("moves begin that have not ended: " + event->text);
    }
    if (event->kind == "moves_ended" && !std::exchange(moving_, false)) {
      violation("moves end that have not begun: " + event->text);
    }
  }
}

namespace {

std::size_t experts_not_everywhere(const placement::View& view) {
  std::map<std::string, std::set<RankId>> regions;
  for (const auto& member : view.members) {
    if (member.expert) regions[member.region].insert(member.rank);
  }
  std::size_t count = 0;
  for (std::size_t l = 0; l < view.placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < view.placement.experts(); ++e) {
      const auto copies = view.placement.replicas(l, ExpertId(e));
      count += !copies.empty() && std::ranges::any_of(regions, [&](const auto& region) {
        return std::ranges::none_of(
            copies, [&](const auto& copy) { return region.second.contains(copy.rank); });
      });
    }
  }
  return count;
}

}  // namespace

void SimChecker::on_commit(const std::shared_ptr<const placement::View>& committed) {
  const placement::View& view = *committed;
  if (view.epoch <= committed_) {
    violation(fmt::format("epoch {} is committed after epoch {}", view.epoch.value(),
                          committed_.value()));
  }
  committed_ = std::max(committed_, view.epoch);
  made_[view.epoch] = committed;
  seats_[view.epoch].clear();
  for (const auto& member : view.members) {
    if (life(member.rank) == Incarnation()) {
      violation(fmt::format("epoch {} has the dead rank {} for a member", view.epoch.value(),
                            member.rank.value()));
    }
    seats_[view.epoch][member.rank] = life(member.rank);
  }
  check_masked(view);
  measure(view);
  const auto& placement = view.placement;
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < placement.experts(); ++e) {
      const auto copies = placement.replicas(l, ExpertId(e));
      if (copies.empty() && loss_ == LossPolicy::kMask) continue;
      if (std::ranges::none_of(
              copies, [&](const auto& copy) { return seats_[view.epoch].contains(copy.rank); })) {
        violation(
            fmt::format("epoch {}: layer {} expert {} is on no member", view.epoch.value(), l, e));
      }
    }
  }
}

void SimChecker::measure(const placement::View& view) {
  expert_ranks_ = static_cast<std::size_t>(
      std::ranges::count_if(view.members, [](const auto& each) { return each.expert; }));
  fewest_copies_ = expert_ranks_;
  not_everywhere_ = experts_not_everywhere(view);
  masked_ = view.placement.masked_count();
  for (std::size_t l = 0; l < view.placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < view.placement.experts(); ++e) {
      const auto copies = view.placement.replicas(l, ExpertId(e));
      if (copies.empty() && loss_ == LossPolicy::kMask) continue;
      fewest_copies_ = std::min(fewest_copies_, copies.size());
    }
  }
}

void SimChecker::on_lost(const std::vector<JournalRecord>& records) {
  for (const JournalRecord& record : records) {
    const auto* prepare = std::get_if<Prepare>(&record.message);
    const auto* commit = std::get_if<Commit>(&record.message);
    if (prepare == nullptr && commit == nullptr) continue;
    const Epoch epoch = prepare != nullptr ? prepare->view->epoch : commit->view->epoch;
    views_.erase(epoch);
    told_.erase(epoch);
    made_.erase(epoch);
  }
  committed_ = made_.empty() ? Epoch() : made_.rbegin()->first;
  if (!made_.empty()) measure(*made_.rbegin()->second);
}

// "RANK died: N experts have no copy left and are masked", "epoch E (CAUSE): M members, N experts
// masked".
void SimChecker::on_event(const Event& event) {
  const auto number_before = [&](const std::string& words) -> std::size_t {
    const auto end = event.text.rfind(words);
    if (end == std::string::npos) return 0;
    const auto begin = event.text.find_last_not_of("0123456789", end - 1) + 1;
    return begin < end ? std::stoul(event.text.substr(begin, end - begin)) : 0;
  };
  if (event.kind == "experts_masked") masked_told_ = number_before(" experts have no copy left");
  if (event.kind == "view_committed" && event.about.epoch == committed_ &&
      number_before(" experts masked") != masked_) {
    violation(fmt::format("{} experts are masked, and it is told: {}", masked_, event.text));
  }
}

// Reachable or reported: experts that a view gives up have been told of.
void SimChecker::check_masked(const placement::View& view) {
  const std::size_t before = std::exchange(masked_, view.placement.masked_count());
  const std::size_t told = std::exchange(masked_told_, 0);
  if (masked_ > before + told) {
    violation(fmt::format("epoch {} masks {} experts instead of {}, and {} were told",
                          view.epoch.value(), masked_, before, told));
  }
}

void SimChecker::on_view(const std::shared_ptr<const placement::View>& view) {
  if (view == nullptr || told_[view->epoch] == view) return;
  told_[view->epoch] = view;
  const auto bytes = encode(Commit{view});
  const auto [first, fresh] = views_.emplace(view->epoch, bytes);
  if (!fresh && first->second != bytes) {
    violation(fmt::format("epoch {} was told as two different views", view->epoch.value()));
  }
}

void SimChecker::on_send(const Message& message) {
  if (const auto* welcome = std::get_if<Welcome>(&message)) on_view(welcome->view);
  if (const auto* prepare = std::get_if<Prepare>(&message)) on_view(prepare->view);
  if (const auto* commit = std::get_if<Commit>(&message)) {
    on_view(commit->view);
    if (commit->view->epoch > committed_) {
      violation(fmt::format("epoch {} was told before it was in the journal",
                            commit->view->epoch.value()));
    }
  }
}

void SimChecker::on_done(std::uint32_t connection, const RequestDone& done) {
  if (!heard_.emplace(connection, done.id).second) {
    violation(fmt::format("request {} ended twice on one connection", done.name));
  }
  const bool told = loss_ == LossPolicy::kFail && done.error.starts_with("expert_lost");
  if (!done.error.empty() && !told) {
    violation(fmt::format("request {} failed: {}", done.name, done.error));
  }
  const auto number = static_cast<std::uint32_t>(std::stoul(done.name));
  if (done.error.empty() && unpack(done.payload) != true_tokens(number)) {
    violation(fmt::format("request {} has other tokens than an undisturbed run", done.name));
  }
  const auto [first, fresh] = ids_.emplace(done.name, done.id);
  if (!fresh && first->second != done.id) {
    violation(fmt::format("request {} was taken twice", done.name));
  }
  done_.insert(done.name);
}

Incarnation SimChecker::life(RankId rank) const {
  const auto found = lives_.find(rank);
  return found == lives_.end() ? Incarnation() : found->second;
}

bool SimChecker::member_died() const {
  const auto members = seats_.find(committed_);
  return members != seats_.end() && std::ranges::any_of(members->second, [&](const auto& each) {
           return life(each.first) != each.second;
         });
}

Incarnation SimChecker::seat(Epoch epoch, RankId rank) const {
  const auto of_epoch = seats_.find(epoch);
  if (of_epoch == seats_.end()) return {};
  const auto found = of_epoch->second.find(rank);
  return found == of_epoch->second.end() ? Incarnation() : found->second;
}

}  // namespace switchyard::control
