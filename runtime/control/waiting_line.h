// runtime/control/waiting_line.h -- the requests that wait for a router: in a line for each
// residency regime, because whether there is room depends on the regime alone. Those that may not
// be given yet (a retry that has not been paid for) stand apart. Everything that is asked of it is
// about the front of a line, so that a backlog costs nothing: no question walks through it. Not the
// choice of the router (controller/requests.cpp). Thread safety: shared objects: unsafe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

class WaitingLine {
 public:
  using Regimes = std::set<std::string>;

  // It waits since then. not_before: it is a retry, and owes for it (owing(), pay()).
  void add(RequestId id, const std::string& regime, TimePoint since,
           std::optional<TimePoint> not_before = {});
  // Nothing where it does not wait.
  void remove(RequestId id);

  // The lowest number that may be given now, of a regime that is none of `passed_over`.
  [[nodiscard]] std::optional<RequestId> next(const Regimes& passed_over) const;
  // Who has waited longest, those that owe included.
  [[nodiscard]] std::optional<RequestId> longest() const;
  [[nodiscard]] std::optional<RequestId> longest(const std::string& regime) const;
  [[nodiscard]] Regimes regimes() const;

  // The retry whose time came first, if it has come; it is given once it has been paid for.
  [[nodiscard]] std::optional<RequestId> owing(TimePoint now) const;
  void pay(RequestId id);
  [[nodiscard]] std::size_t owing_count() const noexcept { return later_.size(); }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

 private:
  using Timed = std::set<std::pair<TimePoint, RequestId>>;
  struct Line {
    std::set<RequestId> ready;
    Timed by_age;  // all of the regime
  };
  struct Entry {
    std::map<std::string, Line>::iterator line;
    TimePoint since{};
    std::optional<TimePoint> not_before;
  };

  std::map<std::string, Line> lines_;  // by regime; none is empty
  std::map<RequestId, Entry> entries_;
  Timed later_;  // those that owe, by the time when they may be paid for
};

}  // namespace switchyard::control
