#include "runtime/control/waiting_line.h"

#include "runtime/base/check.h"

namespace switchyard::control {

void WaitingLine::add(RequestId id, const std::string& regime, TimePoint since,
                      std::optional<TimePoint> not_before) {
  const auto line = lines_.try_emplace(regime).first;
  const bool fresh = entries_.emplace(id, Entry{line, since, not_before}).second;
  SY_CHECK(fresh, "request {} waits already", id.value());
  line->second.by_age.emplace(since, id);
  if (not_before) {
    later_.emplace(*not_before, id);
  } else {
    line->second.ready.insert(id);
  }
}

void WaitingLine::remove(RequestId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  Line& line = entry.line->second;
  line.by_age.erase({entry.since, id});
  line.ready.erase(id);
  if (entry.not_before) later_.erase({*entry.not_before, id});
  if (line.by_age.empty()) lines_.erase(entry.line);
  entries_.erase(found);
}

std::optional<RequestId> WaitingLine::next(const Regimes& passed_over) const {
  std::optional<RequestId> best;
  for (const auto& [regime, line] : lines_) {
    if (line.ready.empty() || passed_over.contains(regime)) continue;
    if (!best || *line.ready.begin() < *best) best = *line.ready.begin();
  }
  return best;
}

std::optional<RequestId> WaitingLine::longest() const {
  const std::pair<TimePoint, RequestId>* best = nullptr;
  for (const auto& [regime, line] : lines_) {
    if (best == nullptr || *line.by_age.begin() < *best) best = &*line.by_age.begin();
  }
  return best == nullptr ? std::nullopt : std::optional(best->second);
}

std::optional<RequestId> WaitingLine::longest(const std::string& regime) const {
  const auto line = lines_.find(regime);
  if (line == lines_.end()) return std::nullopt;
  return line->second.by_age.begin()->second;
}

WaitingLine::Regimes WaitingLine::regimes() const {
  Regimes out;
  for (const auto& [regime, line] : lines_) out.insert(regime);
  return out;
}

std::optional<RequestId> WaitingLine::owing(TimePoint now) const {
  if (later_.empty() || later_.begin()->first > now) return std::nullopt;
  return later_.begin()->second;
}

void WaitingLine::pay(RequestId id) {
  Entry& entry = entries_.at(id);
  SY_CHECK(entry.not_before.has_value(), "request {} owes nothing", id.value());
  later_.erase({*entry.not_before, id});
  entry.not_before.reset();
  entry.line->second.ready.insert(id);
}

}  // namespace switchyard::control
