#include "runtime/control/controller.h"

#include <fmt/format.h>

#include "runtime/control/controller/state.h"

namespace switchyard::control {

Controller::Controller(ControllerOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
Controller::~Controller() = default;
Controller::Controller(Controller&&) noexcept = default;
Controller& Controller::operator=(Controller&&) noexcept = default;

Result<void> Controller::replay(const std::vector<std::vector<std::byte>>& records, TimePoint now) {
  state_->now = now;
  state_->outbox.set_time(now);
  const auto restored = state_->restore(records);
  if (!restored) {
    return fail(ErrorCode::kBadInput, "journal snapshot: {}", restored.error().message);
  }
  for (std::size_t i = *restored; i < records.size(); ++i) {
    auto record = decode_record(records[i]);
    const Result<void> replayed =
        record ? state_->replay(*record) : Result<void>(Unexpected(record.error()));
    if (!replayed) {
      return fail(ErrorCode::kBadInput, "journal record {}: {}", i, replayed.error().message);
    }
  }
  state_->expect_rejoin();
  return {};
}

std::vector<std::vector<std::byte>> Controller::snapshot() const { return state_->snapshot(); }

std::vector<Action> Controller::handle(Happening happening, TimePoint now) {
  state_->now = now;
  state_->handle(std::move(happening));
  return state_->outbox.take();
}

std::string Controller::status_json(TimePoint now) const {
  state_->now = now;
  return state_->status();
}

}  // namespace switchyard::control
