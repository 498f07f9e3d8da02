#include "tests/sim/control/sim_controller.h"

#include <fmt/format.h>

#include <algorithm>

namespace switchyard::control {
namespace {

constexpr std::size_t kRecordsBetweenSnapshots = 15;
constexpr std::uint64_t kActionsAfterCommitMost = 15;

// Everything else that was lost would have to be asked for again by those who know of it: by
// clients, or by processes that begin anew.
bool can_be_lost(const JournalRecord& record) {
  return std::holds_alternative<Prepare>(record.message) ||
         std::holds_alternative<Commit>(record.message) ||
         std::holds_alternative<Retire>(record.message) ||
         std::holds_alternative<Progress>(record.message);
}

}  // namespace

SimController::SimController(SimWorld& world, ControllerOptions options)
    : world_(world), options_(std::move(options)) {}

Controller SimController::revived(const std::vector<std::vector<std::byte>>& records) {
  Controller out(options_);
  const auto replayed = out.replay(records, world_.time.now());
  if (!replayed) world_.checker.violation("replay: " + replayed.error().message);
  return out;
}

void SimController::start() {
  ++life_;
  world_.changes.on_controller();
  if (world_.mistake == Mistake::kForgetsEpochs) {
    std::vector<std::vector<std::byte>> records = journal_;
    std::erase_if(records, [](const auto& record) {
      const auto read = decode_record(record);
      return read && (std::holds_alternative<Prepare>(read->message) ||
                      std::holds_alternative<Commit>(read->message) ||
                      std::holds_alternative<Retire>(read->message));
    });
    controller_.emplace(revived(records));
  } else {
    Controller by_history = revived(journal_);
    controller_.emplace(revived(compacted_));
    if (by_history.snapshot() != controller_->snapshot() ||
        by_history.status_json(world_.time.now()) != status()) {
      world_.checker.violation("a journal with snapshots leads to another state: " + status() +
                               " instead of " + by_history.status_json(world_.time.now()));
    }
  }
  world_.network.listen([this](Happening happening) { handle(std::move(happening)); });
  tick();
}

void SimController::compact() {
  if (compacted_.size() < compact_at_) return;
  compacted_ = controller_->snapshot();
  compact_at_ = compacted_.size() + kRecordsBetweenSnapshots;
  compacted_to_ = journal_.size();
}

void SimController::tick() {
  world_.time.after(options_.tick_interval, [this, life = life_] {
    if (life != life_ || !controller_) return;
    handle(Tick{});
    if (controller_) tick();
  });
}

void SimController::crash(Duration absence) {
  if (!controller_ || actions_left_) return;
  absence_ = absence;
  // Where there is something to lose.
  crash_after_commit_ = world_.forgetful && world_.chance(0.7);
  if (!crash_after_commit_) actions_left_ = world_.random.next_below(6);
}

void SimController::lose_tail() {
  std::vector<JournalRecord> lost;
  while (journal_.size() > compacted_to_) {
    auto record = decode_record(journal_.back());
    if (!record || !can_be_lost(*record)) break;
    lost.push_back(*std::move(record));
    journal_.pop_back();
    compacted_.pop_back();
  }
  std::ranges::reverse(lost);
  events_.push_back(fmt::format("{:.3f} journal_tail_lost: {} records",
                                to_seconds(world_.time.now().time_since_epoch()), lost.size()));
  world_.checker.on_lost(lost);
}

void SimController::handle(Happening happening) {
  if (!controller_) return;
  std::vector<Action> actions = controller_->handle(std::move(happening), world_.time.now());
  for (Action& action : actions) {
    if (perform(action)) continue;
    actions_left_.reset();
    controller_.reset();
    if (world_.forgetful) lose_tail();
    world_.network.controller_gone();
    world_.time.after(absence_, [this] { start(); });
    return;
  }
  compact();
}

bool SimController::perform(Action& action) {
  if (actions_left_ && (*actions_left_)-- == 0) return false;
  if (auto* send = std::get_if<Send>(&action)) {
    world_.checker.on_send(send->message);
    if (const auto* retire = std::get_if<Retire>(&send->message)) {
      for (const auto& process : world_.processes) {
        if (!process->uses_older(retire->oldest)) continue;
        world_.checker.violation(
            fmt::format("Retire {} while a router is older", retire->oldest.value()));
      }
    }
    world_.network.to_peer(send->connection, std::move(send->message));
  } else if (const auto* close = std::get_if<Close>(&action)) {
    world_.network.close(close->connection);
  } else if (auto* record = std::get_if<Journal>(&action)) {
    const auto read = decode_record(record->record);
    if (!read) {
      world_.checker.violation("journal: " + read.error().message);
    } else {
      world_.checker.on_record(*read);
      world_.changes.on_record(*read, world_.time.now());
    }
    if (crash_after_commit_ && read && std::holds_alternative<Commit>(read->message)) {
      crash_after_commit_ = false;
      actions_left_ = world_.random.next_below(kActionsAfterCommitMost);
    }
    journal_.push_back(record->record);
    compacted_.push_back(std::move(record->record));
  } else if (const auto* log = std::get_if<switchyard::control::Log>(&action)) {
    world_.checker.on_event(log->event);
    world_.changes.on_event(log->event);
    events_.push_back(fmt::format("{:.3f} {}: {}", to_seconds(world_.time.now().time_since_epoch()),
                                  log->event.kind, log->event.text));
  } else if (const auto* spawn = std::get_if<Spawn>(&action)) {
    start_process(spawn->rank);
  } else if (std::holds_alternative<Stop>(action)) {
    stopped_ = true;
  }
  return true;
}

// Most come, after a while.
void SimController::start_process(RankId slot) {
  if (world_.chance(0.3)) return;
  world_.time.after(std::chrono::milliseconds(200) + world_.some(std::chrono::seconds(2)),
                    [process = world_.processes[slot.index()].get()] { process->start_late(); });
}

std::string SimController::status() {
  return controller_ ? controller_->status_json(world_.time.now()) : "the controller is away";
}

}  // namespace switchyard::control
