// runtime/net/event_log.h -- the controller's log for machines: one JSON object a line with `ts`
// (UTC), `level`, `component`, `event` (a stable word, docs/OPERATIONS.md), `msg`, and for events
// of the controller `number` and whom they are about: `rank`, `epoch`, `request`, `trace_id`.
// Control characters of what peers say are escaped, so nobody can forge a line. Thread safety: as
// Log: shared objects: safe.
#pragma once

#include <string_view>

#include "runtime/base/log.h"
#include "runtime/control/messages.h"

namespace switchyard::net {

class EventLog {
 public:
  explicit EventLog(Log log) : log_(std::move(log)) {}

  void event(const control::Event& event);
  void info(std::string_view event, std::string_view text);
  void warning(std::string_view event, std::string_view text);
  void error(std::string_view event, std::string_view text);

 private:
  Log log_;
};

}  // namespace switchyard::net
